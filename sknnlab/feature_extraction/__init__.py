"""Features of images, and a trained network's hidden units as features.

The transformers of images take what `sklearn.feature_extraction.image.PatchExtractor`
takes, arrays (n_samples, height, width) or (n_samples, height, width, n_channels), and
flat rows beside ``image_shape``. They give one row of float32 (for float32 and uint8
images) or float64 a image, and work through the images in batches whose scratch arrays
stay within scikit-learn's ``working_memory``. To add one, subclass `ImageFeatures`.
"""

from sknnlab.feature_extraction._color import ColorHistogram
from sknnlab.feature_extraction._hidden import HiddenFeatures
from sknnlab.feature_extraction._hog import HOG
from sknnlab.feature_extraction._images import ImageFeatures
from sknnlab.feature_extraction._words import BagOfVisualWords

__all__ = ["HOG", "BagOfVisualWords", "ColorHistogram", "HiddenFeatures", "ImageFeatures"]
