#!/usr/bin/env bash
# Makes the shipped checkpoint from nothing: ./env assets/sorting/make.sh WORK_FOLDER
# Some 80 minutes beside other work on two slow cores: demonstrations 29, scenes 2, encoder 4, reading bags 10, training 36.
set -euo pipefail
work=${1:?usage: make.sh WORK_FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../../config/rig_sim.yaml

ros2 run aloe_pipeline record_demos --rig "$rig" --fast --episodes 400 --seed 100000 --noise 0.03 --out "$work/demos"
ros2 run aloe_sim render_scenes --rig "$rig" --frames 3500 --stride 10 --no-hidden --seed 500000 --out "$work/scenes.npz"
ros2 run aloe_policy pretrain_encoder --scenes "$work/scenes.npz" --steps 1000 --presence-weight 8 --threads 1 --out "$work/encoder.safetensors"
ros2 run aloe_policy train --rig "$rig" --bags "$work/demos" --encoder "$work/encoder.safetensors" \
  --steps 3000 --threads 1 --out "$work/sorting"
echo "now measure it: ros2 run aloe_pipeline evaluate --policy $work/sorting --seeds 0:50 --processes 2"
