"""Write the list of tasks in docs/tasks.md: `python -m tests.lmms_tasks.write_list`, with lmms-eval.

Listed are the tasks that load, run and score on the made-up rows of `tests.lmms_tasks.published`.
"""

import re
from pathlib import Path

from prunegrid.lmms_tasks.headlines import headline_of
from prunegrid.lmms_tasks.installation import RELEASE
from prunegrid.lmms_tasks.task import LmmsTask, task_of
from tests.lmms_tasks.published import CASES

HOME = Path(__file__).parents[2]
BEGIN, END = "<!-- tasks: begin -->\n", "<!-- tasks: end -->\n"


def page() -> str:
    """Return the list as a table of Markdown."""
    head = (
        f"Made with lmms-eval {RELEASE}, {len(CASES)} tasks:\n\n"
        "| task | published data set, configuration, split | headline | other metrics | tokens |\n"
        "|---|---|---|---|---|\n"
    )
    return head + "".join(_line(task_of(name)) for name in sorted(CASES))


def _line(task: LmmsTask) -> str:
    told = [task.settings.get(key) for key in ("dataset_path", "dataset_name", "test_split")]
    headline = headline_of(task)
    others = [f"`{one['metric']}`" for one in task.metrics if one["metric"] != headline.metric]
    named = f"`{headline.metric}`" + (f" ({headline.kind})" if headline.kind != "accuracy" else "")
    where = ", ".join(str(one) for one in told if one)
    return f"| `{task.name}` | {where} | {named} | {', '.join(others)} | {task.max_new_tokens} |\n"


def main() -> None:
    """Replace the list between its marks."""
    file = HOME / "docs/tasks.md"
    text = file.read_text(encoding="utf-8")
    listed = re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}{page()}{END}", text, count=1, flags=re.DOTALL)
    file.write_text(listed, encoding="utf-8")


if __name__ == "__main__":
    main()
