"""The tiny VLA: our small flow-matching policy over named keypoints."""
