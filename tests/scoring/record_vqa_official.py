"""Write vqa_official.json: what two published programs make of a grid of answers.

    git clone https://github.com/GT-Vision-Lab/VQA && git -C VQA checkout a013f00
    git clone https://github.com/EvolvingLMMs-Lab/lmms-eval && git -C lmms-eval checkout 75571cf
    python tests/scoring/record_vqa_official.py VQA/PythonEvaluationTools/vqaEvaluation/vqaEval.py \
        lmms-eval/lmms_eval/tasks/_task_utils/vqa_eval_metric.py

The official program is of Python 2; its three print statements are turned into calls before it is run.
"""

import itertools
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

WORDS = r"""
yes Yes YES no none None zero one Two three ten eleven 1 2 10 3.5 .5 5. 1,000 12,5 1,,5 a an the The A
dog dogs aint arent cant couldve couldnt couldntve couldn'tve couldnt've didnt doesnt dont don't hadnt
hadnt've hasnt havent hed hed've hes howd howll hows Id've Im Ive ive im isnt itd itll its let's lets
maam mightnt mustve neednt notve oclock oughtnt ow's'at 'ow'sat shant shed've she's shes shouldve
shouldnt somebody'd somebodyd somebodyll somebodys someoned someonell something'd somethingd thats
thered therere theres theyd theyll twas wasnt wed've weve werent well we'll whatll whatre whens whered
wheres whod wholl whyll whyre wont wouldve wouldnt yall yall'll y'alld've youd youll youre youve arent't
red-white black/white t-shirt u.s.a. U.S. St.Louis mr. a.m. 7:30 7.30pm $5 50% #1 rock'n'roll it's (dog)
[dog] dog? dog! dog. dog.. dog, dog; "dog" don`t a/c b&w c++ x=y x_y <b> @home a\b {a} 0.5.6 10.000,00
1.000.000 Dog rot über café 犬 - . , ? ! ... --
""".split()  # noqa: SIM905
WORDS += ["Hot\tdog", "hot\ndog"]
FRAMES = (
    "{}",
    " {} ",
    "the {}",
    "a {}.",
    "{}, dog",
    "{} ,dog",
    "dog,{}",
    "1,000 {}!",
    "({}) - one",
    "An {} and the {}",
    "{}\nred\t{}",
)
# Outputs beside ten references: all alike, alike but for case or spaces, and divided in every way.
REFERENCES = (
    ["yes"] * 10,
    ["Yes"] * 10,
    ["yes "] * 5 + ["\nyes"] * 5,
    ["yes"] * 9 + ["Yes"],
    ["none"] * 10,
    ["none"] * 9 + ["0"],
    ["2"] * 10,
    ["two"] * 3 + ["2"] * 2 + ["three"] * 5,
    ["dont"] * 6 + ["don't"] * 4,
    ["the dog"] * 10,
    ["the dog"] * 2 + ["dog."] + ["a Dog"] + ["cat"] * 6,
    ["red-white"] * 4 + ["red and white"] * 4 + ["red, white"] * 2,
    ["1,000"] * 3 + ["1000"] * 7,
    ["dog"] + ["cat"] * 9,
    ["dog"] * 2 + ["cat"] * 8,
    ["dog"] * 3 + ["cat"] * 7,
    ["dog"] * 4 + ["cat"] * 6,
    ["dog"] * 3 + ["cat"],
    ["u.s.a."] * 5 + ["usa"] * 5,
    ["St. Louis"] * 10,
)
OUTPUTS = [
    "yes",
    "Yes",
    "Yes.",
    " yes",
    "yes\n",
    "no",
    "none",
    "None",
    "0",
    "zero",
    "2",
    "two",
    "Two.",
    "three",
    "dont",
    "don't",
    "Dont",
    "the dog",
    "dog",
    "The dog.",
    "Dog",
    "a cat",
    "cat",
    "Cat,",
    "red-white",
    "red white",
    "red and white",
    "red, white",
    "1,000",
    "1000",
    "1 000",
    "usa",
    "U.S.A.",
    "u.s.a",
    "St. Louis",
    "st louis",
    "St Louis",
    "",
    ".",
    "the",
]


def main(official_file: str, lmms_file: str) -> None:
    """Run both programs and write the file beside this one."""
    official = _official(official_file)
    processor = _run(Path(lmms_file).read_text(encoding="utf-8"))["EvalAIAnswerProcessor"]()
    texts = dict.fromkeys(frame.replace("{}", word) for word in WORDS for frame in FRAMES)
    texts["." * 40 + "x"] = None
    texts = dict.fromkeys(text for text in texts if text)
    forms = {text: official.processDigitArticle(official.processPunctuation(text)) for text in texts}
    other = {t: processor.process_digit_article(processor.process_punctuation(t)) for t in texts}
    scores = [
        [output, number, _accuracy(official, output, references)]
        for (number, references), output in itertools.product(enumerate(REFERENCES), OUTPUTS)
    ]
    content = {
        "made_by": __doc__,
        "forms": forms,
        "lmms_forms_that_differ": {text: form for text, form in other.items() if form != forms[text]},
        "references": REFERENCES,
        "accuracy": scores,
    }
    path = Path(__file__).with_name("vqa_official.json")
    path.write_text(json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def _run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


def _official(file: str) -> Any:
    source = re.sub(r'print "(.*?)"', r'print("\1")', Path(file).read_text(encoding="utf-8")).expandtabs(4)
    empty = SimpleNamespace(getQuesIds=list, qa={})
    return _run(source)["VQAEval"](empty, empty)


def _accuracy(program: Any, output: str, references: list[str]) -> float:
    answers = [{"answer": text, "answer_id": number} for number, text in enumerate(references)]
    program.vqa.qa = {1: {"answers": answers, "question_type": "q", "answer_type": "a"}}
    program.vqaRes = SimpleNamespace(qa={1: {"answer": output}})
    program.n = 12
    program.updateProgress = lambda progress: None
    program.evaluate([1])
    return program.evalQA[1] / 100


if __name__ == "__main__":
    main(*sys.argv[1:])
