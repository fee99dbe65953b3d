"""Scores without a judge that a package's files hold beside those that its task files name."""

# Task -> metric -> the function beside the one that its file names.
SUBSTITUTES: dict[str, dict[str, str]] = {
    # HallusionBench's file asks GPT-4 whether an answer agrees; beside it stand InternVL's rules, which read
    # yes or no.
    "hallusion_bench_image": {
        name: f"hb_aggregation_result_{name}_intern" for name in ("aAcc", "qAcc", "fAcc")
    },
}
