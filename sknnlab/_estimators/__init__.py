"""What stands between scikit-learn's conventions and the engine."""
