"""Made-up rows of exactly the columns that published data sets have, and answers to them, by task.

Every task has two rows or more, and of each row one answer that is right and one that is wrong.
"""

from typing import Any

from PIL import Image

from tests.benchmarks.worlds import encode


def _image(number: int) -> dict[str, Any]:
    picture = Image.new("RGB", (48, 32), (number * 40 % 256, 90, 30))
    return {"bytes": encode(picture), "path": f"{number}.png"}


def _people(*answers: str) -> list[dict[str, Any]]:
    """Return answers of ten people, as VQAv2 stores them."""
    listed = [answers[at % len(answers)] for at in range(10)]
    return [{"answer": one, "answer_confidence": "yes", "answer_id": at + 1} for at, one in enumerate(listed)]


def _vqa(number: int, answer: str) -> dict[str, Any]:
    return {
        "question_type": "what", "multiple_choice_answer": answer, "answers": _people(answer),
        "image_id": 40 + number, "answer_type": "other", "question_id": 400 + number,
        "question": "What is it?", "image": _image(number),
    }  # fmt: skip


def _seed(number: int, answer: str) -> dict[str, Any]:
    return {
        "answer": answer, "choice_a": "One", "choice_b": "Two", "choice_c": "Three", "choice_d": "Four",
        "data_id": f"{number}", "data_type": "image", "question": "How many towels are there?",
        "question_id": f"{number}_0", "question_type_id": 1, "image": [_image(number)], "segment": ["", ""],
    }  # fmt: skip


def _mmbench(index: int, answer: str) -> dict[str, Any]:
    return {
        "index": index, "question": "Which is it?", "hint": "nan" if index % 2 else "Look left.",
        "answer": answer,
        "A": "a tree", "B": "a house", "C": "nan", "D": "nan", "category": "identity_reasoning",
        "image": _image(index % 1_000_000), "source": "made", "L2-category": "attribute_reasoning",
        "comment": "nan", "split": "dev",
    }  # fmt: skip


def _mmmu(number: int, answer: str, kind: str) -> dict[str, Any]:
    more = {f"image_{at}": _image(number) if at == 1 else None for at in range(1, 8)}
    return {
        "id": f"validation_Art_{number}", "question": "<image 1> Who painted it?",
        "options": "['Klee', 'Marc', 'Macke']" if kind == "multiple-choice" else "[]",
        "explanation": "", **more, "img_type": "['Paintings']", "answer": answer,
        "topic_difficulty": "Easy", "question_type": kind, "subfield": "Painting",
    }  # fmt: skip


def _hallusion(number: int, figure: str, answer: str) -> dict[str, Any]:
    return {
        "category": "VD", "subcategory": "figure", "visual_input": "1", "set_id": "0", "figure_id": figure,
        "sample_note": "", "question_id": str(number), "question": "Is it longer?",
        "gt_answer_details": "It is.",
        "gt_answer": answer, "filename": f"./{number}.png", "image": _image(int(figure)),
    }  # fmt: skip


def _mme(name: str, category: str, answer: str) -> dict[str, Any]:
    number = int(name[0])
    return {
        "question_id": f"{category}/{name}.jpg", "image": _image(number),
        "question": "Is there a dog? Please answer yes or no.", "answer": answer, "category": category,
    }  # fmt: skip


# Task -> rows with (right answer, wrong answer) each.
CASES: dict[str, list[tuple[dict[str, Any], str, str]]] = {
    "gqa": [
        ({"id": f"{n}", "imageId": f"n{n}", "question": "Is it red?", "answer": answer, "fullAnswer": "Yes.",
          "isBalanced": True, "groups": {"global": None, "local": "x"}, "entailed": "", "equivalent": "",
          "types": {"structural": "verify"}, "annotations": {"question": []}, "semantic": [],
          "semanticStr": "", "image": _image(n)}, said, "perhaps")
        for n, (answer, said) in enumerate([("yes", "Yes."), ("no", "no")])
    ],
    "vqav2_val": [(_vqa(1, "blue"), "Blue", "red"), (_vqa(2, "2"), "two", "three")],
    "ok_vqa_val2014": [
        ({"question_id": f"{n}", "image": _image(n), "question": "What is it?", "answers": [answer] * 10,
          "question_type": "one", "answer_type": "other"}, answer, "nothing")
        for n, answer in enumerate(["race", "pony tail"])
    ],
    "textvqa_val": [
        ({"image_id": f"i{n}", "question_id": 3000 + n, "question": "What is written?",
          "question_tokens": ["what"], "image": _image(n), "image_width": 48, "image_height": 32,
          "flickr_original_url": "", "flickr_300k_url": "", "answers": [answer] * 9 + ["other"],
          "image_classes": ["Sign"], "set_name": "val", "ocr_tokens": ["STOP"]}, answer, "go")
        for n, answer in enumerate(["stop", "12:30"])
    ],
    "vizwiz_vqa_val": [
        ({"question_id": f"VizWiz_{n}.jpg", "image": _image(n), "question": "What is it?",
          "answers": [answer] * 10, "category": "other"}, answer, "wrong")
        for n, answer in enumerate(["unanswerable", "can of soup"])
    ],
    "mme": [
        (_mme("1", "existence", "Yes"), "Yes", "No"), (_mme("1", "existence", "No"), "no.", "yes"),
        (_mme("2", "existence", "Yes"), "Yes", "No"), (_mme("2", "existence", "No"), "no.", "yes"),
        (_mme("3", "code_reasoning", "Yes"), "Yes", "No"), (_mme("3", "code_reasoning", "No"), "no.", "yes"),
    ],
    "mmbench_en_dev_static": [
        (_mmbench(5, "A"), "A", "B"), (_mmbench(1_000_005, "B"), "B.", "A"), (_mmbench(8, "B"), "B", "A"),
    ],
    "seedbench": [(_seed(1, "A"), "A", "B"), (_seed(2, "C"), "C. Three", "D")],
    "seedbench_2_plus": [
        ({"image": _image(n), "question": "Which?", "choice_A": "a", "choice_B": "b", "choice_C": "c",
          "choice_D": "d", "answer": answer, "data_id": f"{n}", "question_id": f"{n}",
          "question_image_subtype": "bar", "question_image_type": kind}, answer, "D")
        for n, (answer, kind) in enumerate([("A", "Chart"), ("B", "Map"), ("C", "Web")])
    ],
    "docvqa_val": [
        ({"questionId": f"{n}", "question": "Which number?", "question_types": ["form"], "image": _image(n),
          "docId": n, "ucsf_document_id": "", "ucsf_document_page_no": "1", "answers": answers,
          "data_split": "val"}, said, "nothing of the kind")
        for n, (answers, said) in enumerate([(["0.28", "0.280"], "0.28"), (["Itc Limited"], "itc  limted")])
    ],
    "infovqa_val": [
        ({"questionId": f"{n}", "question": "How many?", "answers": answers, "answer_type": ["span"],
          "image": _image(n), "image_url": "", "operation/reasoning": [], "ocr": "",
          "data_split": "val"}, said, "?")
        for n, (answers, said) in enumerate([(["7 days"], "7 days"), (["Canada"], "canada")])
    ],
    "chartqa": [
        ({"type": kind, "question": "How much?", "answer": answer, "image": _image(n)}, said, "many")
        for n, (kind, answer, said) in enumerate(
            [("human_test", "14", "14.5"), ("augmented_test", "0.57", "0.55"), ("human_test", "Yes", "yes")])
    ],
    "ocrbench": [
        ({"dataset": "IIIT5K", "question": "What is written?", "question_type": "Regular Text Recognition",
          "answer": ["CENTRE"], "image": _image(1)}, "It says centre.", "square"),
        ({"dataset": "HME100k", "question": "Write it.",
          "question_type": "Handwritten Mathematical Expression Recognition", "answer": ["a + b"],
          "image": _image(2)}, "a+b", "a-b"),
    ],
    "ai2d": [
        ({"question": "Which?", "options": ["sun", "moon"], "answer": answer, "image": _image(n)}, said, "C")
        for n, (answer, said) in enumerate([("0", "A. sun"), ("1", "B")])
    ],
    "realworldqa": [
        ({"image": _image(1), "question": "Which?\nA. Left\nB. Right\nPlease answer directly with only the "
          "letter of the correct option and nothing else.", "answer": "A", "image_path": "1.webp"}, "A", "B"),
        ({"image": _image(2), "question": "How many?", "answer": "3", "image_path": "2.webp"}, "3", "4"),
    ],
    "mmstar": [
        ({"index": n, "question": "Which? Options: A: x, B: y", "image": _image(n), "answer": answer,
          "category": category, "l2_category": inner, "meta_info": {"source": "made", "split": "val"}},
         answer, "D")
        for n, (answer, category, inner) in enumerate([
            ("A", "math", "geometry"), ("B", "math", "geometry"), ("C", "science & technology", "biology")])
    ],
    "mmmu_val": [
        (_mmmu(1, "B", "multiple-choice"), "B", "A"), (_mmmu(2, "3.5", "open"), "3.5", "9"),
    ],
    "hallusion_bench_image": [
        (_hallusion(1, "1", "1"), "Yes", "No"), (_hallusion(2, "1", "0"), "No", "Yes"),
        (_hallusion(1, "2", "0"), "No.", "yes"),
    ],
    "mmvp": [
        ({"Index": n + 1, "Question": "Where?", "Options": "(a) left (b) right", "Correct Answer": answer,
          "image": _image(n)}, said, other)
        for n, (answer, said, other) in enumerate([("(a)", "A", "B"), ("(b)", "(B)", "A")])
    ],
    "vstar_bench": [
        ({"image": _image(n), "text": "Which? (A) red (B) blue", "category": category, "label": answer,
          "question_id": f"{n}"}, answer, "D")
        for n, (category, answer) in enumerate([("direct_attributes", "A"), ("relative_position", "B")])
    ],
    "cv_bench": [
        ({"idx": n, "type": kind, "task": "Count", "image": _image(n), "question": "How many?",
          "choices": ["1", "2"], "answer": f"({answer})", "prompt": "How many? (A) 1 (B) 2", "filename": "",
          "source": source, "source_dataset": source, "source_filename": "", "target_class": None,
          "target_size": 1, "bbox": []}, answer, "C")
        for n, (kind, answer, source) in enumerate([("2D", "A", "COCO"), ("3D", "B", "Omni3D")])
    ],
    "pope": [
        ({"id": f"{n}", "question_id": f"{n}", "question": "Is there a dog?", "answer": answer,
          "image_source": f"COCO_{n}", "image": _image(n), "category": "random"}, answer, other)
        for n, (answer, other) in enumerate([("yes", "no"), ("no", "yes")])
    ],
    "scienceqa_img": [
        ({"image": _image(n), "question": "Which?", "choices": ["cat", "dog"], "answer": n, "hint": "A hint.",
          "task": "", "grade": "", "subject": "", "topic": "", "category": "", "skill": "", "lecture": "",
          "solution": ""}, "AB"[n], "C")
        for n in range(2)
    ],
    "countbench": [
        ({"image": _image(n), "image_url": "", "number": n + 2, "text": "", "question": "How many?"},
         str(n + 2), "9")
        for n in range(2)
    ],
    "vlmsareblind": [
        ({"image": _image(n), "task": "Line Plot Intersections", "prompt": "How many? Answer in {}.",
          "groundtruth": answer, "metadata": "{}"}, f"{{{answer}}}", "{7}")
        for n, answer in enumerate(["0", "2"])
    ],
    "mmmu_pro_standard": [
        ({**_mmmu(1, "B", "multiple-choice"), "id": "test_History_1", "subject": "History"}, "B", "A"),
        ({**_mmmu(2, "A", "multiple-choice"), "id": "test_History_2", "subject": "History"}, "A", "C"),
    ],
    "mmmu_pro_vision": [
        ({"id": f"test_History_{n}", "image": _image(n), "options": "['Klee', 'Marc', 'Macke']",
          "answer": answer, "subject": "History"}, answer, "C")
        for n, answer in enumerate(["A", "B"])
    ],
    "muirbench": [
        ({"idx": f"{n}", "task": "Counting", "image_relation": "Partial Similarity",
          "image_type": "Photography", "question": "Which picture has two dogs? <image> <image>",
          "options": ["The first", "The second"],
          "answer": answer, "image_list": [_image(n), _image(n + 3)], "counterpart_idx": ""},
         f"{answer}.", "C.")
        for n, answer in enumerate(["A", "B"])
    ],
    "multidocvqa_val": [
        ({"questionId": f"{n}", "question": "Which number?", "doc_id": f"doc{n}",
          "page_ids": "['p1', 'p2']", "answers": str([answer]), "answer_page_idx": "1", "data_split": "val",
          **{f"image_{at}": _image(n + at) if at < 3 else None for at in range(1, 21)}},
         said, "nothing of the kind")
        for n, (answer, said) in enumerate([("0.28", "0.28"), ("Itc Limited", "ITC limited")])
    ],
    "mmt_val": [
        ({"index": n, "question": "Which?", "answer": answer, "A": "a tree", "B": "a house", "C": "", "D": "",
          "E": "", "F": "", "G": "", "H": "", "I": "", "image": _image(n), "category": "weapon_recognition",
          "l2-category": "visual_recognition", "split": "VAL"}, answer, "C")
        for n, answer in enumerate(["A", "B"])
    ],
}  # fmt: skip
_SAME = {
    "pope": ("pope_adv", "pope_pop", "pope_random"),
    "cv_bench": ("cv_bench_2d", "cv_bench_3d"),
    "ai2d": ("ai2d_no_mask",),
    "mmstar": ("mmstar_qwen",),
}
for _name, _others in _SAME.items():
    CASES |= dict.fromkeys(_others, CASES[_name])
for _kind in ("direct_attributes", "relative_position"):
    CASES[f"vstar_bench_{_kind}"] = [one for one in CASES["vstar_bench"] if one[0]["category"] == _kind] * 2
