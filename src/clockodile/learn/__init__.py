"""The PyTorch toolbox that several rooms use."""
