"""The README's library example holds for every supported family, as it says."""

from tests.readme import blocks


def test_the_library_example_runs_with_every_family(folder, loaded, capsys):
    (example,) = [block for block in blocks("python") if "import prunegrid" in block]
    assert example.count('"demo/model"') == 2
    scope = {}
    exec(compile(example.replace('"demo/model"', repr(str(folder))), "README.md", "exec"), scope)
    (first, second) = scope["pruning"].schedule[0]
    n_image = int((scope["inputs"]["input_ids"] == loaded.family.image_token_id(loaded.model.config)).sum())
    assert (first[0], second[0]) == (1, 2)
    assert n_image > first[1] > second[1] > 0
    assert len(scope["output"][0]) > scope["inputs"]["input_ids"].shape[1]
    assert capsys.readouterr().out.startswith("[(1, ")
