"""
What are linear layers good for?
================================

An activation may be left out: `activation="identity"`. What do hidden layers without one add, what
happens to a regression whose output is squashed, and when is a squashed output what one wants?
"""

# %%
# Linear hidden layers
# --------------------
# Two moons need a bent boundary. Three hidden layers of 32 linear units have over 2000 parameters;
# multiplied together, their matrices are one column of two weights.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_moons, make_regression
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sknnlab import MLPClassifier, MLPRegressor

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#555555"

X, y = make_moons(400, noise=0.2, random_state=0)
X_new, y_new = make_moons(2000, noise=0.2, random_state=1)

networks = {
    "no hidden layer": MLPClassifier(()),
    "three linear layers": MLPClassifier((32, 32, 32), "identity"),
    "three ReLU layers": MLPClassifier((32, 32, 32), "relu"),
}
accuracy = {}
for name, network in networks.items():
    network.set_params(optimizer="lbfgs", alpha=0.01, max_iter=1000, random_state=0).fit(X, y)
    accuracy[name] = network.score(X_new, y_new)
    n_parameters = sum(block.size for block in network.coefs_ + network.intercepts_)
    print(f"{name:<20} {n_parameters:>5} parameters, accuracy on new rows {accuracy[name]:.3f}")

deep = networks["three linear layers"]
W = np.linalg.multi_dot(deep.coefs_)
b = deep.decision_function(np.zeros((1, 2)))
difference = np.abs(X_new @ W + b - deep.decision_function(X_new)[:, np.newaxis]).max()
print(f"one map instead of four: W = {W.ravel().round(2)}, scores differ by {difference:.0e}")

fig, axes = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True, layout="constrained")
pale = ListedColormap(["#bcd9ea", "#f7d3bd"])
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    DecisionBoundaryDisplay.from_estimator(
        network, X, grid_resolution=400, eps=0.3, response_method="predict", cmap=pale, ax=ax
    )
    for label, color, marker in ((0, BLUE, "o"), (1, ORANGE, "^")):
        ax.scatter(*X[y == label].T, s=14, c=color, marker=marker, label=f"class {label}")
    ax.set(title=f"{name}: {accuracy[name]:.1%}", xlabel="first feature (no unit)", ylabel="")
axes[0].set_ylabel("second feature (no unit)")
axes[0].legend(loc="upper right")

# %%
# A squashed output
# -----------------
# `loss="binary_cross_entropy"` puts a sigmoid behind the regressor's output and asks for targets in
# [0, 1]; a TransformedTargetRegressor squeezes them in and stretches the predictions again.
X_line, y_line = make_regression(200, n_features=1, noise=10, random_state=0)
try:
    MLPRegressor("binary_cross_entropy").fit(X_line, y_line)
except ValueError as error:
    refusal = str(error)
    print(refusal)


def regressor(loss, scaler, **parameters):
    network = MLPRegressor(loss, random_state=0, **parameters)
    return TransformedTargetRegressor(network, transformer=scaler)


small = {"hidden_layer_sizes": (20,), "activation": "tanh", "optimizer": "lbfgs", "alpha": 0.1}
linear = regressor("squared_error", StandardScaler(), **small).fit(X_line, y_line)
squashed = regressor("binary_cross_entropy", MinMaxScaler(), **small).fit(X_line, y_line)
outputs = {"linear output": (linear, BLUE, "-"), "sigmoid output": (squashed, ORANGE, "--")}

wide = np.linspace(-5, 5, 101)[:, np.newaxis]
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.scatter(X_line, y_line, s=12, color=GREY, label="training rows")
for name, (model, color, line) in outputs.items():
    ax.plot(wide, model.predict(wide), line, color=color, lw=2, label=name)
    print(f"{name}: R² {model.score(X_line, y_line):.3f}, at x = 5 {model.predict([[5.0]])[0]:.0f}")
print(f"largest target {y_line.max():.0f}")
for limit in (y_line.min(), y_line.max()):
    ax.axhline(limit, color=GREY, lw=1, ls=":")
ax.text(-5, y_line.max() + 8, "largest target", color=GREY)
ax.text(5, y_line.min() + 8, "smallest target", ha="right", color=GREY)
ax.set(title="A straight line, and beyond", xlabel="feature (no unit)", ylabel="target (no unit)")
ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.25))

# %%
# Targets that do have limits
# ---------------------------
# The lower half of a digit from its upper half: 32 targets, and no pixel is below 0 or above 16.
X, _ = load_digits(return_X_y=True)
top, top_new, bottom, bottom_new = train_test_split(X[:, :32] / 16, X[:, 32:], random_state=0)

brief = {"learning_rate": "linear", "learning_rate_init": 0.01, "batch_size": 64, "max_iter": 60}
completers = {
    "linear output": regressor("squared_error", MinMaxScaler(), **brief),
    "sigmoid output": regressor("binary_cross_entropy", MinMaxScaler(), **brief),
}
completed, impossible, r2 = {}, {}, {}
for name, model in completers.items():
    pixels = completed[name] = model.fit(top, bottom).predict(top_new)
    impossible[name] = np.mean((pixels < -0.1) | (pixels > 16.1))  # by more than a tenth of a level
    r2[name] = r2_score(bottom_new, pixels, multioutput="variance_weighted")
    print(f"{name}: R² {r2[name]:.2f}, {impossible[name]:.0%} of the pixels impossible", end=", ")
    print(f"from {pixels.min():.1f} to {pixels.max():.1f}")

n_shown = 8
rows = {"truth": bottom_new, **completed}
inks = plt.get_cmap("gray_r").with_extremes(under=BLUE, over=ORANGE)
fig, axes = plt.subplots(3, n_shown, figsize=(10, 4.2), layout="constrained")
for line, (name, pixels) in zip(axes, rows.items(), strict=True):
    for i, ax in enumerate(line):
        image = np.concatenate([16 * top_new[i], pixels[i]]).reshape(8, 8)
        shown = ax.imshow(image, cmap=inks, vmin=-0.1, vmax=16.1)
        ax.axhline(3.5, color=ORANGE, lw=1, ls=":")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
bar = fig.colorbar(shown, ax=axes, extend="both", ticks=range(0, 17, 4))
bar.set_label("grey level (blue: below 0, orange: above 16)")
fig.suptitle("Lower halves, guessed from the upper halves")

# %%
# The answer
# ----------
# Linear hidden layers add parameters but no functions: the deep linear network's 2241 parameters
# are a matrix of two weights and a bias, its boundary the straight line that a network without
# hidden layers draws (87 % right, both), where ReLU layers bend it (94.5 %). A regression wants a
# linear output. A sigmoid one refuses targets outside [0, 1]. With targets squeezed in it fits the
# rows as well (R² 0.99), but at x = 5 it says 223 where the linear one has reached 403: it cannot
# leave the range it was given. Where the range is real, that is a virtue: of the linear output's
# pixels 10 % are impossible, of the sigmoid's none, and both explain half of the variance.
assert difference < 1e-8
assert abs(accuracy["three linear layers"] - accuracy["no hidden layer"]) < 0.01
assert accuracy["three ReLU layers"] > accuracy["three linear layers"] + 0.04

assert "targets y in [0, 1]" in refusal
assert min(model.score(X_line, y_line) for model, _, _ in outputs.values()) > 0.97
linear_end, squashed_end = (model.predict([[5.0]])[0] for model in (linear, squashed))
assert linear_end > 1.4 * y_line.max()
assert squashed_end < y_line.max()

assert impossible["linear output"] > 0.05
assert impossible["sigmoid output"] == 0
assert abs(r2["linear output"] - r2["sigmoid output"]) < 0.06

plt.show()
