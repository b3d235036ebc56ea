"""Results of tests in sentences for people."""

from fmnist.evaluation.significance import SIGNIFICANCE, McNemar
from fmnist.reports.text import counted, p_value, share_of_cases


def mcnemar_in_words(test: McNemar, name_a: str, name_b: str) -> str:
    """Result of McNemar's test of two runs, in two sentences, or one where they are alike."""
    if test.only_a + test.only_b == 0:
        return f"{name_a} and {name_b} are correct on exactly the same images."
    counts = (
        f"{name_a} is correct on {counted(test.only_a, 'image')} that {name_b} misclassifies; "
        f"{name_b} is correct on {test.only_b:,} that {name_a} misclassifies."
    )
    chance = (
        "If both were equally accurate, a difference this large would occur by chance in "
        f"{share_of_cases(test.p_value, SIGNIFICANCE)} ({p_value(test.p_value, SIGNIFICANCE)})"
    )
    if test.p_value >= SIGNIFICANCE:
        return f"{counts} {chance}: no significant difference."
    better = name_a if test.only_a > test.only_b else name_b
    return f"{counts} {chance}: {better} is more accurate on images like these."
