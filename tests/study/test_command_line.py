"""Parts of a request that Snakemake and YAML would drop in silence are refused."""

import shlex

import pytest
from snakemake.cli import get_argument_parser

from prunegrid.errors import ConfigError
from prunegrid.study.command_line import check_request

PARSER = get_argument_parser()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--configfile a.yaml --cores 2 --configfile b.yaml", "write --configfile a.yaml b.yaml"),
        ("--configfile=a.yaml -n --configfiles b.yaml", "write --configfile a.yaml b.yaml"),
        ("--config ratios=[0.5] --conf seeds=[0]", None),
        ("--config ratios=[0.5] -n --config seeds=[0]", r"write --config ratios=\[0.5\] seeds=\[0\]"),
        ("-C ratios=[0.5] --config seeds=[0]", "--config is given 2 times"),
        ("--config ratios=[0.5] seeds=[0] ratios=[0.6]", "--config: ratios is given 2 times"),
        ("--config 'tables={seed: 1, seed: 2}'", "--config: tables: 'seed' stands there twice"),
        ("--config ratios=[0.5] 'a={b: [{c: 1, c: 1}]}'", "--config: a: 'c' stands there twice"),
        ("'--config=tables={a: {b: 1, b: 2}}'", "--config: tables: 'b' stands there twice"),
        ("--config 'tables={a: {b: 1}, c: {b: 2}}' x={ y=:: z=", None),
        ("--resources gpu=1 --cores 1 --resources mem_mb=3", "write --resources gpu=1 mem_mb=3"),
        ("--set-resource predict:mem_mb=1 --set-resources score:mem_mb=2", None),
        ("--configfile a.yaml b.yaml --config ratios=[0.5] seeds=[0] --cores 2", None),
        ("--profile a --profile b -- --configfile a --configfile b", None),
    ],
)
def test_an_option_that_is_given_twice(line, told):
    if told is None:
        check_request(shlex.split(line), PARSER, [])
        return
    with pytest.raises(ConfigError, match=told):
        check_request(shlex.split(line), PARSER, [])


def test_snakemake_drops_the_first():
    """Why it is refused; where this changes, it may be taken."""
    args = PARSER.parse_args(["--configfile", "a.yaml", "--configfile", "b.yaml"])
    assert [file.name for file in args.configfile] == ["b.yaml"]


def test_a_key_that_stands_twice_in_a_file(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("ratios: [0.5]\ntables:\n  seed: 1\n  seed: 2\nexclude:\n- {model: a}\nratios: [0.6]\n")
    with pytest.raises(ConfigError) as told:
        check_request([], PARSER, [file])
    assert "a.yaml: line 7: 'ratios' stands in line 1 already: keep one" in str(told.value)
    assert "a.yaml: line 4: 'seed' stands in line 3 already" in str(told.value)
    file.write_text("a: &x {b: 1}\nc: {<<: *x, b: 2}\nd: [{b: 1}, {b: 2}]\n")
    check_request([], PARSER, [file, tmp_path / "none.yaml"])
