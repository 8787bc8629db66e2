import gc

from digest.pipeline._collector import SELDOM, seldom


def test_blocks_that_overlap_leave_the_collector_as_it_was():
    usual = gc.get_threshold()
    first, second = seldom(), seldom()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == SELDOM
    second.__exit__(None, None, None)
    assert gc.get_threshold() == usual
