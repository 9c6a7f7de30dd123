"""
Five faults, put right one by one
=================================

A badly configured network, examined and put right one verdict at a time.

The data are real (breast cancer, 569 rows, features between 0.001 and 4,254). The network
has five faults. Each round diagnoses it, prints what was found, and follows the advice of
the first problem, until none is left; then the test score is compared with the start's.
"""

# sphinx_gallery_thumbnail_path = "_static/thumb_diagnose.svg"

import re
import warnings

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnlab import MLPClassifier
from sknnlab.inspection import diagnose


def follow(model, finding):
    """Return the model with the advice of one finding taken."""
    net = model[-1]
    if finding.check == "check_data":
        return make_pipeline(StandardScaler(), net)
    if finding.check == "check_initial_loss":
        net.set_params(alpha=float(re.search(r"alpha=(\S+)", finding.advice)[1]))
    elif finding.check == "check_symmetry":
        net.set_params(initializer="auto")
    elif finding.check == "activation_statistics":
        net.set_params(batchnorm=True)
    elif finding.check == "learning_rate_range":
        rate = float(re.search(r"learning_rate_init=(\S+)", finding.advice)[1])
        net.set_params(learning_rate_init=rate)
    else:
        raise RuntimeError(f"no rule for {finding.check}: {finding.advice}")
    return model


def test_score(model, X_train, X_test, y_train, y_test):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X_train, y_train).score(X_test, y_test)


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    split = train_test_split(X, y, stratify=y, random_state=0)
    X_train, _, y_train, _ = split
    net = MLPClassifier(
        [30] * 6,
        activation="logistic",
        initializer="zeros",
        alpha=1e5,
        learning_rate_init=3.0,
        random_state=0,
    )
    model = make_pipeline(net)
    before = test_score(model, *split)
    for round_ in range(1, 10):
        diagnosis = diagnose(model, X_train, y_train)
        problems = [one for one in diagnosis.findings if one.status == "problem"]
        print(
            f"round {round_}: {len(problems)} problem(s), {len(diagnosis.skipped)} checks left out"
        )
        for finding in diagnosis.findings:
            if finding.status != "ok":
                print(f"    {finding.status:<8} {finding.check}: {finding.measured}")
        print(f"    {diagnosis.advice}")
        if not problems:
            break
        model = follow(model, problems[0])
    after = test_score(model, *split)
    print(f"\ntest accuracy before {before:.3f}, after {after:.3f}")


if __name__ == "__main__":
    main()
