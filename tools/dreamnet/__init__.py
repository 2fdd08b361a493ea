"""What makes dreamnet, the embedded network: its architecture, its photographs and its training."""
