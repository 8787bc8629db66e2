from digest.text.counting import counted


def test_one_is_told_apart_from_none_and_many():
    assert [counted(n, "paper") for n in (0, 1, 2)] == ["0 papers", "1 paper", "2 papers"]
    assert [counted(n, "category", "categories") for n in (1, 3)] == ["1 category", "3 categories"]
