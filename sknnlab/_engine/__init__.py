"""The engine: layers, network, batches, training loop, L-BFGS and statistics."""
