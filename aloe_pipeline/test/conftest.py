"""Small networks train faster on one thread than on several that share the cores with other tests."""

import torch

torch.set_num_threads(1)
