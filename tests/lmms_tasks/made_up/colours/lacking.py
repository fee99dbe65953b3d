"""Needs a package that is not there."""

import surely_no_package


def doc_to_text(doc, lmms_eval_specific_kwargs=None):
    return surely_no_package.text(doc)
