"""What every column of a study's data files holds: name, type, unit and meaning.

docs/columns.md is made from it (`results.column_page`), and tests compare it with the files of a study.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_TEXT, _INTEGER, _NUMBER, _TRUTH = "string", "int64", "float64", "bool"
_LETTERS = ("aokvqa", "mcq", "scienceqa")
_LOGITS = ("aokvqa", "mcq", "pope", "scienceqa")
_CHOICES = ("aokvqa", "mcq")


@dataclass(frozen=True)
class ColumnEntry:
    """One column, or those that differ in what stands in braces.

    Attributes
    ----------
    name : str
        {metric}, {variant} and {size} stand for the names of a benchmark's metrics and of their variants, and
        for a batch size.
    dtype : str
        As Arrow calls it in Parquet files, and as pandas reads it from CSV: numbers that may be missing are
        float64.
    unit : str
        Empty where it is no quantity.
    meaning : str
    scorers : sequence of str
        The scorers that write it, where it is not all.
    """

    name: str
    dtype: str
    unit: str
    meaning: str
    scorers: Sequence[str] = ()


def _with(name: str, unit: str, meaning: str, ends: Mapping[str, str]) -> Iterable[ColumnEntry]:
    yield ColumnEntry(name, _NUMBER, unit, meaning)
    for end, what in ends.items():
        yield ColumnEntry(f"{name}{end}", _NUMBER, unit, what)


def _with_limits(name: str, unit: str, meaning: str) -> Iterable[ColumnEntry]:
    return _with(name, unit, meaning, {"_low": "lower limit of its 95 % interval", "_high": "upper limit"})


def _with_quartiles(name: str, meaning: str) -> Iterable[ColumnEntry]:
    return _with(name, "ms", meaning, {"_q1": "its first quartile", "_q3": "third quartile"})


_CELL = (
    ColumnEntry("model", _TEXT, "", "name in the configuration"),
    ColumnEntry("benchmark", _TEXT, "", "name in the configuration"),
    ColumnEntry("strategy", _TEXT, "", "name in the configuration; none: the unpruned model"),
    ColumnEntry("criterion", _TEXT, "", "name in the configuration; none: nothing is ranked"),
    ColumnEntry("ratio", _NUMBER, "share", "image-token work that is to be removed; 0 without a ratio"),
    ColumnEntry("seed", _INTEGER, "", "of what is drawn; 0 where nothing is"),
)
_MATCH = ColumnEntry(
    "match",
    _TEXT,
    "",
    "what is equal at a ratio, share or tflops_total; only in a study of both, empty without a ratio",
)
_FLOPS = "1e12 FLOPs"
_LEDGER = (
    ColumnEntry("ratio_requested", _NUMBER, "share", "ratio of the configuration; empty where there is none"),
    ColumnEntry(
        "tflops_published", _NUMBER, "1e12 MACs", "papers' figure: image tokens in the decoder; mean"
    ),
    ColumnEntry("tflops_prefill", _NUMBER, _FLOPS, "the prompt in the decoder; mean over samples"),
    ColumnEntry("tflops_vision", _NUMBER, _FLOPS, "vision tower and projector; mean over samples"),
    ColumnEntry("tflops_scoring", _NUMBER, _FLOPS, "what the criterion computes; mean over samples"),
    ColumnEntry("tflops_decode", _NUMBER, _FLOPS, "tokens of the answer after the first; mean over samples"),
    ColumnEntry("tflops_total", _NUMBER, _FLOPS, "prefill, vision, scoring and decode together"),
    ColumnEntry(
        "ratio_achieved", _NUMBER, "share", "work that was removed, in whole tokens; mean over samples"
    ),
    ColumnEntry("min_image_tokens", _NUMBER, "tokens", "fewest image tokens of any layer; mean over samples"),
    ColumnEntry(
        "mean_image_tokens", _NUMBER, "tokens", "mean over layers of the image tokens; mean over samples"
    ),
    ColumnEntry(
        "tied_cuts", _NUMBER, "share", "of cuts by scores, those on a tie; empty where scores cut nothing"
    ),
)
_POSITIONS = tuple(
    ColumnEntry(
        f"{start}_{what}_mean", _NUMBER, "share", f"mean {place} of the tokens that {cut} keeps, from 0 to 1"
    )
    for start, cut in (("first_cut", "the first cut"), ("kept", "the last cut"))
    for what, place in (("position", "place in their order"), ("row", "row"), ("column", "column"))
)
_SPEED = (
    ColumnEntry(
        "latency_batch_size",
        _NUMBER,
        "prompts",
        "prompts per pass; empty, as all down to prefill_flops_speedup, where the cell was not measured",
    ),
    ColumnEntry("latency_n", _NUMBER, "passes", "prefills that were timed"),
    *_with_quartiles("prefill_ms", "median wall time of the prompt in the decoder, with the criterion"),
    *_with_quartiles("prefill_device_ms", "the same between two events on the device; empty on a CPU"),
    *_with_quartiles("ms_per_token", "median wall time of a further token of the answer"),
    ColumnEntry("peak_memory_mb", _NUMBER, "10**6 bytes", "most memory over the weights; empty on a CPU"),
    ColumnEntry("clock_drift", _NUMBER, "share", "largest clock over the smallest, minus 1"),
    *_with_quartiles("vision_ms", "median wall time of tower and projector on one picture"),
    ColumnEntry("prefill_speedup", _NUMBER, "factor", "the unpruned cell's prefill over this one's, in time"),
    ColumnEntry("prefill_flops_speedup", _NUMBER, "factor", "the same in FLOPs of decoder and criterion"),
)
_CHANGES = (
    ColumnEntry("n_compared", _NUMBER, "samples", "that the cell and the unpruned model answered"),
    *_with_limits(
        "agreement",
        "share",
        "of these, the same parsed answer as the unpruned model; empty where the scorer reads none",
    ),
    *_with_limits("right_to_wrong", "share", "of these, a lower score; empty for captions"),
    ColumnEntry("n_right_to_wrong", _NUMBER, "samples", "number of them"),
    *_with_limits("wrong_to_right", "share", "of these, a higher score; empty for captions"),
    ColumnEntry("n_wrong_to_right", _NUMBER, "samples", "number of them"),
    *_with_limits("brier_to_none", "Brier score", "Brier score minus the unpruned model's, same samples"),
    ColumnEntry(
        "ece_to_none", _NUMBER, "share", "calibration error minus the unpruned model's, same samples"
    ),
    *_with_limits("answerable_blind", "share", "mean score where blind scores at least one half"),
    ColumnEntry("n_answerable_blind", _NUMBER, "samples", "number of them"),
    *_with_limits("needs_image", "share", "mean score where blind scores less"),
    ColumnEntry("n_needs_image", _NUMBER, "samples", "number of them"),
)
_METRIC = "the metric's: accuracies are shares, CIDEr as pycocoevalcap has it"
_CELLS = (
    *_CELL,
    _MATCH,
    ColumnEntry("n", _INTEGER, "samples", "all rows"),
    ColumnEntry("n_error", _INTEGER, "samples", "rows with status error"),
    *_LEDGER,
    *_POSITIONS,
    *_SPEED,
    ColumnEntry(
        "{measured}_b{size}", _NUMBER, "the column's", "each of these again, for a further batch size"
    ),
    ColumnEntry(
        "total_gap", _NUMBER, "share", "total compute over the reference's, minus 1; of matched cells"
    ),
    ColumnEntry("total_is_off", _TRUTH, "", "whether that is more than 0.5 %"),
    ColumnEntry(
        "budget_missed", _TRUTH, "", "whether ratio_achieved is more than 0.005 from ratio_requested"
    ),
    *_CHANGES,
    *_with_limits("{metric}", _METRIC, "a metric of the benchmark by its headline rule"),
    ColumnEntry("{metric}_{variant}", _NUMBER, _METRIC, "the metric by another rule"),
)
_CHANGED_ANSWERS = (
    *_CELL,
    _MATCH,
    ColumnEntry("turned", _TEXT, "", "right_to_wrong or wrong_to_right"),
    ColumnEntry(
        "unpruned_answer", _TEXT, "", "parsed answer of the unpruned model; empty where none was read"
    ),
    ColumnEntry("pruned_answer", _TEXT, "", "parsed answer of the cell; empty where none was read"),
    ColumnEntry("gold", _TEXT, "", "gold answer, else the reference that is given most"),
    ColumnEntry("count", _INTEGER, "samples", "of which that is so"),
    ColumnEntry("share", _NUMBER, "share", "of those of the cell that turned the same way"),
    ColumnEntry("sample_id", _TEXT, "", "the first of them"),
    ColumnEntry(
        "unpruned_text", _TEXT, "", "what the unpruned model generated for it, at most 80 characters"
    ),
    ColumnEntry("pruned_text", _TEXT, "", "what the cell generated for it, at most 80 characters"),
)
_PREDICTIONS = (
    ColumnEntry("sample_id", "string", "", "unique in the benchmark"),
    ColumnEntry("image_id", "string", "", "the data set's, or the SHA-256 of the decoded image"),
    ColumnEntry("prompt", "string", "", "the exact text given to the tokenizer"),
    ColumnEntry("question", "string", "", "the data set's question; empty for captions"),
    ColumnEntry("choices", "list of string", "", "options of multiple choice, else null"),
    ColumnEntry("answer", "string", "", "gold answer: a letter, yes or no, or text; null for captions"),
    ColumnEntry(
        "references", "list of string", "", "captions, answers of several people, or objects; else null"
    ),
    ColumnEntry(
        "document",
        "string",
        "",
        "what else the scorer reads, as JSON: of lmms-eval's tasks the row without pictures, of refcoco its "
        "box and the picture's size; else null",
    ),
    ColumnEntry("prediction", "string", "", "the generated text, without special tokens"),
    ColumnEntry("n_image_tokens", "int32", "tokens", "N, image tokens of the prompt"),
    ColumnEntry(
        "n_full_image_tokens",
        "int32",
        "tokens",
        "image tokens of its pictures at their own size: N, unless `downsample` made them smaller",
    ),
    ColumnEntry("n_text_tokens", "int32", "tokens", "text tokens of the prompt"),
    ColumnEntry("n_text_after", "int32", "tokens", "those after the last image token"),
    ColumnEntry(
        "image_grids",
        "list of list of int32",
        "patches",
        "per image: tiles (or frames), rows and columns of patches that the vision tower ran on",
    ),
    ColumnEntry("n_generated", "int32", "tokens", "of the answer, the end-of-sequence token included"),
    ColumnEntry(
        "n_explained", "int32", "tokens", "of the unpruned answer, that a gradient was taken of; else 0"
    ),
    ColumnEntry(
        "token_depth",
        "list of int16",
        "layers",
        "per image token in its original order: how many layers computed on it",
    ),
    ColumnEntry(
        "cut_ties",
        "list of bool",
        "",
        "per cut by scores: whether the last kept token and the first dropped one have the same score",
    ),
    ColumnEntry("first_token_id", "int32", "", "first generated token"),
    ColumnEntry(
        "first_topk",
        "list of struct",
        "logits",
        "five largest logits of the first position, as `id` and `logit`",
    ),
    ColumnEntry(
        "choice_logits",
        "list of float32",
        "logits",
        "the first position's, of the options' letters, or of yes and no; else null",
    ),
    ColumnEntry("status", "string", "", "ok or error"),
    ColumnEntry("error", "string", "", "what went wrong, else null"),
)
_OF_SAMPLE = "share"


def _rules(name: str, meaning: str, rules: Mapping[str, Sequence[str]]) -> Iterable[ColumnEntry]:
    """Yield a column for each rule, and the scorers that have it."""
    for rule, scorers in rules.items():
        yield ColumnEntry(f"{name}_{rule}", _NUMBER, _OF_SAMPLE, f"{meaning} by the rule {rule}", scorers)


_POPE = dict.fromkeys(("official", "lmms", "strict", "stated"), ("pope",))
_SCORES = (
    ColumnEntry("sample_id", _TEXT, "", "that of predictions.parquet"),
    ColumnEntry("image_id", _TEXT, "", "that of predictions.parquet"),
    ColumnEntry("status", _TEXT, "", "ok or error; scores of an error row are empty"),
    ColumnEntry("score", _NUMBER, _METRIC, "the sample's part of the headline metric"),
    ColumnEntry("parsed_answer", _TEXT, "", "the answer that was read in the output; empty where none was"),
    ColumnEntry("correct", _NUMBER, _OF_SAMPLE, "score by the headline rule", (*_LOGITS, "refcoco", "vqa")),
    *_rules(
        "correct",
        "score",
        {
            "letter": _CHOICES,
            "contains": _CHOICES,
            "lmms": ("pope", "refcoco", "scienceqa", "vqa"),
            "lmms_lowered": ("scienceqa",),
            "strict": ("pope", "scienceqa"),
            "llava": ("scienceqa",),
            "official": ("pope",),
            "stated": ("pope",),
            **dict.fromkeys(("auto", "exact", "soft"), ("vqa",)),
            **dict.fromkeys(("first", "lmms_grounding"), ("refcoco",)),
        },
    ),
    ColumnEntry("iou", _NUMBER, _OF_SAMPLE, "intersection over union with the gold box", ("refcoco",)),
    *_rules("iou", "intersection over union", dict.fromkeys(("lmms", "lmms_grounding"), ("refcoco",))),
    ColumnEntry("centre", _NUMBER, _OF_SAMPLE, "1 where the box's centre is in the gold box", ("refcoco",)),
    ColumnEntry("gave_box", _NUMBER, _OF_SAMPLE, "1 where the output holds a box", ("refcoco",)),
    ColumnEntry("gold_margin", _NUMBER, "logits", "gold option's logit minus the largest other one", _LOGITS),
    ColumnEntry(
        "confidence", _NUMBER, _OF_SAMPLE, "largest probability of an option, first position", _LOGITS
    ),
    ColumnEntry("confident_correct", _NUMBER, _OF_SAMPLE, "1 where that option is the gold one", _LOGITS),
    ColumnEntry("brier", _NUMBER, "Brier score", "squared error of these probabilities, 0 to 2", _LOGITS),
    ColumnEntry("gold_yes", _NUMBER, _OF_SAMPLE, "1 where the gold answer is yes", ("pope",)),
    ColumnEntry("category", _TEXT, "", "random, popular or adversarial", ("pope",)),
    *_rules("said_yes", "1 where the output is yes", _POPE),
    *_rules("said_no", "1 where the output is no", _POPE),
    ColumnEntry("n_named", _NUMBER, "objects", "that the output names, as often as it does", ("chair",)),
    ColumnEntry("n_invented", _NUMBER, "objects", "of these, not in the picture", ("chair",)),
    ColumnEntry("invents", _NUMBER, _OF_SAMPLE, "1 where there is one", ("chair",)),
    ColumnEntry("n_shown", _NUMBER, "objects", "categories in the picture", ("chair",)),
    ColumnEntry("n_found", _NUMBER, "objects", "of these, named", ("chair",)),
    ColumnEntry("cider", _NUMBER, "CIDEr", "of the caption, as pycocoevalcap has it", ("caption",)),
    *(
        ColumnEntry(f"bleu_{n}", _NUMBER, "n-grams", "counts that BLEU is made of; on request", ("caption",))
        for n in range(10)
    ),
    ColumnEntry("rouge_l", _NUMBER, _OF_SAMPLE, "ROUGE-L; on request", ("caption",)),
    ColumnEntry("meteor", _NUMBER, _OF_SAMPLE, "METEOR; on request", ("caption",)),
    ColumnEntry("value_{metric}", _NUMBER, _METRIC, "what the task makes of the sample", ("lmms_eval",)),
)
_LATENCY = (
    ColumnEntry("position", "int32", "", "order in which it was measured"),
    ColumnEntry("benchmark", "string", "", "name in the configuration"),
    ColumnEntry("strategy", "string", "", "of the cell; null for pictures"),
    ColumnEntry("criterion", "string", "", "of the cell; null for pictures"),
    ColumnEntry("ratio", "float64", "share", "of the cell; null for pictures"),
    ColumnEntry("seed", "int32", "", "of the cell; null for pictures"),
    ColumnEntry("match", "string", "", "of the cell; empty in a study of one matching"),
    ColumnEntry("quantity", "string", "", "vision, prefill or generate"),
    ColumnEntry("batch_size", "int32", "prompts", "prompts per pass"),
    ColumnEntry("round", "int32", "", "number of the batch"),
    ColumnEntry("sample_ids", "list of string", "", "what was in the batch"),
    ColumnEntry("n_tokens", "int32", "tokens", "of its longest prompt"),
    ColumnEntry("n_image_tokens", "int32", "tokens", "of its longest prompt"),
    ColumnEntry("n_generated", "int32", "tokens", "that were generated"),
    ColumnEntry("wall_ms", "float64", "ms", "wall time, from an idle device to an idle device"),
    ColumnEntry("device_ms", "float64", "ms", "between two events on the device; null on a CPU"),
    ColumnEntry("peak_memory_mb", "float64", "10**6 bytes", "most memory over the weights; null on a CPU"),
    ColumnEntry("clock_mhz", "int32", "MHz", "the device's clock, where it was read"),
    ColumnEntry("throttle", "string", "", "why the device was slowed down, where that was read"),
)
# File -> its columns in order; the places of `match` and of metrics differ by study.
_SCHEDULES = (
    ColumnEntry("strategy", _TEXT, "", "name in the configuration"),
    ColumnEntry("ratio", _NUMBER, "share", "image-token work that is to be removed"),
    ColumnEntry("draw", _INTEGER, "", "number of the schedule among those that the strategy drew, from 0"),
    ColumnEntry("n_layers", _INTEGER, "layers", "L, layers of the decoder"),
    ColumnEntry("n_image_tokens", _INTEGER, "tokens", "N of the sample that `tokens` is of"),
    ColumnEntry("layer", _INTEGER, "", "before which tokens are dropped, from 0"),
    ColumnEntry("share", _NUMBER, "share", "of the N image tokens that is left from there on"),
    ColumnEntry("tokens", _INTEGER, "tokens", "image tokens of one sample that are left from there on"),
)
_FLOW = (
    ColumnEntry("benchmark", _TEXT, "", "name in the configuration"),
    ColumnEntry(
        "quantity",
        _TEXT,
        "",
        "share of attention; changed: share of samples with another parsed answer than with nothing hidden; "
        "difference of the headline score to that with nothing hidden",
    ),
    ColumnEntry(
        "flow", _TEXT, "", "who reads, to what is read; of shares also text_to_text and image_to_text"
    ),
    ColumnEntry(
        "first", _INTEGER, "", "the first layer in which it is hidden, or that the share is of, from 0"
    ),
    ColumnEntry("end", _INTEGER, "", "the layer after the last one"),
    ColumnEntry("value", _NUMBER, "the quantity's", "shares from 0 to 1, differences as the metric"),
    ColumnEntry("low", _NUMBER, "the quantity's", "lower limit of its 95 % interval"),
    ColumnEntry("high", _NUMBER, "the quantity's", "upper limit"),
    ColumnEntry("p", _NUMBER, "", "of a difference, uncorrected: sign flips over images"),
    ColumnEntry("p_corrected", _NUMBER, "", "after Holm over all differences of the model"),
    ColumnEntry("n", _INTEGER, "samples", "with a value"),
    ColumnEntry("n_asked", _INTEGER, "samples", "that were asked: the first of the benchmark"),
    ColumnEntry("n_layers", _INTEGER, "layers", "L, layers of the decoder"),
    ColumnEntry("metric", _TEXT, "", "headline metric of the benchmark"),
)
_FLOW_ROWS = (
    ColumnEntry("sample_id", "string", "", "unique in the benchmark"),
    ColumnEntry("image_id", "string", "", "the data set's, or the SHA-256 of the decoded image"),
    ColumnEntry("flow", "string", "", "what is hidden: text_to_image or image_to_image; null for nothing"),
    ColumnEntry("first", "int32", "", "the first layer in which it is hidden, from 0"),
    ColumnEntry("end", "int32", "", "the layer after the last one"),
    ColumnEntry("prediction", "string", "", "the generated text, without special tokens"),
    ColumnEntry("parsed_answer", "string", "", "the answer that was read in it; null where none was"),
    ColumnEntry("score", "float64", _METRIC, "the sample's part of the headline metric"),
    ColumnEntry("status", "string", "", "ok or error"),
    ColumnEntry("error", "string", "", "what went wrong, else null"),
    *(
        ColumnEntry(
            f"{queries}_to_{keys}",
            "list of float32",
            "share",
            f"per layer: the attention of {queries} to {keys}; where nothing is hidden, else null",
        )
        for queries, keys in (("text", "image"), ("image", "image"), ("text", "text"), ("image", "text"))
    ),
)
DICTIONARY: Mapping[str, Sequence[ColumnEntry]] = {
    "cells.csv": _CELLS,
    "changed_answers.csv": _CHANGED_ANSWERS,
    "schedules.csv": _SCHEDULES,
    "predictions.parquet": _PREDICTIONS,
    "scores.parquet": _SCORES,
    "latency.parquet": _LATENCY,
    "flow.csv": _FLOW,
    "flow.parquet": _FLOW_ROWS,
}
# Columns that stand again for a further batch size.
MEASURED = tuple(entry.name for entry in _SPEED)
