"""Which tasks cannot be run here, told from their files alone: judges, uploads, videos, other outputs."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from prunegrid.lmms_tasks.reach import words
from prunegrid.lmms_tasks.task_files import FunctionReference

# Modules, functions and services by which scorers ask another model, or any server.
_JUDGES = frozenset(
    {
        "requests", "openai", "httpx", "aiohttp", "anthropic", "dashscope", "genai", "google.generativeai",
        "litellm", "vllm", "urllib.request", "lmms_eval.llm_judge", "lmms_eval.verifiers",
        "lmms_eval.verifiers.openai", "get_server", "llm_judge", "get_chat_response", "AutoModelForCausalLM",
        "AutoModel", "AutoTokenizer", "SentenceTransformer",
    }
)  # fmt: skip
_VIDEO = frozenset(
    {"decord", "VideoReader", "VideoCapture", "VideoFileClip", "video", "videos", "video_path", "video_name"}
)
_AUDIO = frozenset({"audio", "audios", "soundfile", "librosa", "wav", "torchaudio"})
_UPLOAD = "submi"
# CIDEr and the like, which are of all captions at once.
_CORPUS = frozenset({"COCOEvalCap", "Cider", "Bleu", "PTBTokenizer"})
# Tasks whose rows make several samples, or whose scores are ratios of counts -> the adapter that does it.
_OWN_ADAPTERS = {"refcoco*_bbox_rec*": "refcoco", "refcoco*_grounding*": "refcoco", "coco_cap_chair": "chair"}


def scored_metrics(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return those metrics of a task that can be computed here: no upload, no judge, no network."""
    return [one for one in _listed(settings) if not _is_upload(one) and not _asks_judge(one)]


def refusal(settings: Mapping[str, Any]) -> str | None:
    """Return why a task cannot be run here; None if nothing in its files says so."""
    output = settings.get("output_type", "generate_until")
    if output != "generate_until":
        return f"its output_type is {output!r}: only what is generated once, generate_until, is run"
    if int(settings.get("repeats") or 1) > 1:
        return f"it asks each question {settings['repeats']} times, and answers here are greedy: all alike"
    if why := _shows_no_picture(settings):
        return why
    name = str(settings.get("task"))
    own = next((adapter for names, adapter in _OWN_ADAPTERS.items() if fnmatchcase(name, names)), None)
    if own is not None:
        return f"the adapter {own!r} does what it asks for, with lmms-eval's numbers beside"
    if settings.get("process_results_use_image"):
        return "its scorer reads the picture, and answers are kept without it"
    listed = _listed(settings)
    if not listed:
        return "it names no metric"
    if all(_is_upload(one) for one in listed):
        return "its answers are scored by a server to which they are uploaded"
    scorer = settings.get("process_results")
    if isinstance(scorer, FunctionReference) and _JUDGES & words([scorer]):
        return "its answers are scored by a judge, another model that is asked over a network"
    if any(_CORPUS & words([one["aggregation"]]) for one in listed if _is_function(one.get("aggregation"))):
        return "its captions are scored all at once: the adapters nocaps, flickr30k and caption do that"
    if not scored_metrics(settings):
        return "its answers are scored by a judge, another model, or uploaded"
    return None


def _shows_no_picture(settings: Mapping[str, Any]) -> str | None:
    shown = settings.get("doc_to_visual")
    if shown is None:
        return "it shows no picture"
    kwargs = settings.get("dataset_kwargs") or {}
    found = words([shown]) if isinstance(shown, FunctionReference) else frozenset({str(shown)})
    if kwargs.get("video") or _VIDEO & found or any(word.endswith((".mp4", "mp4")) for word in found):
        return "it shows videos"
    if kwargs.get("audio") or _AUDIO & found:
        return "it plays sounds"
    return None


def _listed(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one for one in settings.get("metric_list") or [] if isinstance(one, dict) and one.get("metric")]


def _is_upload(metric: Mapping[str, Any]) -> bool:
    aggregation = metric.get("aggregation")
    name = aggregation.name if isinstance(aggregation, FunctionReference) else str(aggregation)
    return _UPLOAD in str(metric["metric"]).lower() or _UPLOAD in name.lower()


def _asks_judge(metric: Mapping[str, Any]) -> bool:
    aggregation = metric.get("aggregation")
    return isinstance(aggregation, FunctionReference) and bool(_JUDGES & words([aggregation]))


def _is_function(told: Any) -> bool:
    return isinstance(told, FunctionReference)
