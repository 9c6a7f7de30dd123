"""
The quickstart: digits, searched
================================

Digits in a Pipeline: a grid search over loss, activation, optimizer and batchnorm. The test
accuracy of the best candidate is printed beside scikit-learn's own MLPClassifier and LinearSVC
on the same split.
"""

# sphinx_gallery_thumbnail_path = "_static/thumb_quickstart.svg"

import time

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sknnlab import MLPClassifier
from sknnlab.augmentation import GaussianNoise


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

    net = MLPClassifier(
        hidden_layer_sizes=(256,),
        dropout=0.3,
        augmentation=GaussianNoise(scale=0.3),
        learning_rate="linear",
        max_iter=40,
        batch_size=32,
        random_state=0,
    )
    grid = {
        "mlpclassifier__loss": ["log_loss", "hinge"],
        "mlpclassifier__activation": ["relu", "tanh"],
        "mlpclassifier__optimizer": ["adamw", "nesterov"],
        "mlpclassifier__batchnorm": [False, True],
    }
    start = time.perf_counter()
    search = GridSearchCV(make_pipeline(StandardScaler(), net), grid, cv=3, n_jobs=2)
    search.fit(X_train, y_train)
    seconds = time.perf_counter() - start

    print(f"searched {len(search.cv_results_['params'])} candidates in {seconds:.1f} s; the best:")
    for name, value in search.best_params_.items():
        print(f"    {name.removeprefix('mlpclassifier__'):<11} {value}")

    others = {
        "sknnlab MLPClassifier, searched": search,
        "scikit-learn MLPClassifier": make_pipeline(
            StandardScaler(), SklearnMLPClassifier(random_state=0, max_iter=400)
        ).fit(X_train, y_train),
        "scikit-learn LinearSVC": make_pipeline(
            StandardScaler(), LinearSVC(random_state=0, max_iter=10_000)
        ).fit(X_train, y_train),
    }
    print("\ntest accuracy")
    for name, model in others.items():
        print(f"    {name:<32} {model.score(X_test, y_test):.4f}")


if __name__ == "__main__":
    main()
