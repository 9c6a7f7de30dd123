"""The lab: a training run examined as an experienced practitioner would.

`diagnose` runs every check and gives verdicts; each check is also a function of its own,
and what it looked at can be drawn. All work on clones: the estimator stays what it was.
"""

from sknnlab.inspection._baselines import compare_baselines
from sknnlab.inspection._data import check_data
from sknnlab.inspection._diagnose import diagnose
from sknnlab.inspection._displays import (
    ActivationsDisplay,
    LearningCurvesDisplay,
    LearningRateRangeDisplay,
    UpdateRatiosDisplay,
    WeightsDisplay,
)
from sknnlab.inspection._findings import THRESHOLDS, Finding, threshold_context
from sknnlab.inspection._maps import FeatureMapsDisplay, SaliencyDisplay
from sknnlab.inspection._remedies import (
    Decide,
    DropColumns,
    PutBefore,
    Remedy,
    SetParams,
    TransformTarget,
)
from sknnlab.inspection._repair import repair
from sknnlab.inspection._repaired import Repair, Round
from sknnlab.inspection._report import Diagnosis
from sknnlab.inspection._rows import check_labels, check_validation
from sknnlab.inspection._start import (
    activation_statistics,
    check_gradient,
    check_initial_loss,
    check_symmetry,
)
from sknnlab.inspection._strength import capacity_ladder, check_regularization, check_schedule
from sknnlab.inspection._training import (
    check_learning_curve,
    check_overfit_small_batch,
    learning_rate_range,
    update_ratios,
)
from sknnlab.inspection._watch import LiveCurves, Watch

__all__ = [
    "THRESHOLDS",
    "ActivationsDisplay",
    "Decide",
    "Diagnosis",
    "DropColumns",
    "FeatureMapsDisplay",
    "Finding",
    "LearningCurvesDisplay",
    "LearningRateRangeDisplay",
    "LiveCurves",
    "PutBefore",
    "Remedy",
    "Repair",
    "Round",
    "SaliencyDisplay",
    "SetParams",
    "TransformTarget",
    "UpdateRatiosDisplay",
    "Watch",
    "WeightsDisplay",
    "activation_statistics",
    "capacity_ladder",
    "check_data",
    "check_gradient",
    "check_initial_loss",
    "check_labels",
    "check_learning_curve",
    "check_overfit_small_batch",
    "check_regularization",
    "check_schedule",
    "check_symmetry",
    "check_validation",
    "compare_baselines",
    "diagnose",
    "learning_rate_range",
    "repair",
    "threshold_context",
    "update_ratios",
]
