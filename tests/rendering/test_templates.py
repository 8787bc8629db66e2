from digest.rendering.templates import find_file, template_folders, template_loader


def test_owners_file_comes_before_the_shipped_one(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    assert find_file("README.md", tmp_path).read_text() == "mine"
    assert find_file("README.md").read_text() != "mine"
    assert template_loader(tmp_path).searchpath[0] == str(tmp_path)


def test_missing_folder_of_the_owner_is_passed_over(tmp_path):
    assert template_folders(tmp_path / "none") == template_folders()


def test_no_name_leads_outside(tmp_path):
    inside = tmp_path / "templates"
    inside.mkdir()
    (tmp_path / "secret").write_text("hush")
    (inside / "link").symlink_to(tmp_path / "secret")
    assert find_file("../secret", inside) is None
    assert find_file("link", inside) is None
