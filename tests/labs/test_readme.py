"""The list of labs for instructors is the folder's own."""

import re


def test_the_table_lists_every_lab_with_its_title_chapter_and_time(root):
    table = (root / "labs" / "README.md").read_text("utf8")
    listed = dict(re.findall(r"^\| \[(.+?)\]\((lab\d\d-.+?\.md)\)", table, re.M))
    masters = sorted((root / "labs").glob("lab*.md"))
    assert sorted(listed.values()) == [path.name for path in masters]
    for title, name in listed.items():
        text = (root / "labs" / name).read_text("utf8")
        number, rest = title.split(" ", 1)
        assert f"Lab {number}: {rest}" in text, name
        row = next(line for line in table.splitlines() if name in line)
        chapter, times = (cell.strip() for cell in row.split("|")[2:4])
        low, high = re.findall(r"\d+", times)
        told = " ".join(text.split())
        assert f"{low} to {high} minutes" in told, name
        assert f"chapter {chapter.split(' ', 1)[0]}, *" in told, name
