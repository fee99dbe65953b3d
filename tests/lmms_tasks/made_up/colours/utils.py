"""Functions of made-up tasks, as lmms-eval's task files have them."""

import socket


def doc_to_visual(doc):
    return [doc["image"].convert("RGB")]


def twice(doc):
    return [doc["image"], doc["image"]]


def film(doc):
    return [f"{doc['video_path']}.mp4"]


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    return f"{doc['question']}{lmms_eval_specific_kwargs['post_prompt']}"


def scored(doc, results):
    # As TextVQA's scorer, it changes its document.
    doc["answer"] = doc["answer"].lower()
    right = float(results[0].lower() == doc["answer"])
    return {"colours_acc": {"score": right, "place": doc["place"]}, "submission": {"answer": results[0]}}


def share(results):
    return sum(one["score"] for one in results) / len(results) * 100


def harmonic(results):
    return len(results) / sum(1 / (one["score"] + 1) for one in results)


def submit(results, args):
    raise AssertionError(f"{len(results)} answers would be written to {args.output_path}")


def judged(doc, results):
    import requests

    return {"colours_acc": requests.post("http://127.0.0.1:9", json=results).json()}


def secretly_judged(doc, results):
    """Ask a server in a way that its source does not show, and go on without an answer."""
    try:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    except Exception:
        return {"colours_acc": 0.0}
    return {"colours_acc": 1.0}


class FirstWord:
    """Keeps the first word of an answer."""

    def apply(self, resps, docs):
        return [one[0].split()[0] for one in resps]
