#!/usr/bin/env bash
# Makes a warm start from nothing: ./env assets/phone_packing/make.sh WORK_FOLDER [TASK]
# TASK: phone_packing (default, as shipped), phone_assembly, laundry_folding.
# About 35 minutes on two cores: demonstrations 4, scenes 6, encoder 13, reading bags 3, training 5 to 8.
set -euo pipefail
work=${1:?usage: make.sh WORK_FOLDER [TASK]}
task=${2:-phone_packing}
here=$(cd "$(dirname "$0")" && pwd)
rig=$here/../../config/rig_sim.yaml
encoder=$work/encoder.safetensors
demos=(ros2 run aloe_pipeline record_demos --rig "$rig" --task "$task" --fast)

"${demos[@]}" --episodes 36 --seed 100000 --noise 0.01 --out "$work/demos/noisy"
"${demos[@]}" --episodes 24 --seed 110000 --noise 0.015 --variation disturbed --out "$work/demos/disturbed"
ros2 run aloe_sim render_scenes --rig "$rig" --task "$task" --frames 6000 --seed 500000 --out "$work/scenes.npz"
ros2 run aloe_policy pretrain_encoder --scenes "$work/scenes.npz" --steps 3500 --threads 1 --out "$encoder"
ros2 run aloe_policy train --rig "$rig" --bags "$work/demos" --encoder "$encoder" --width 64 --batch-size 128 \
  --noises-per-observation 2 --steps 1500 --threads 1 --out "$work/$task"
echo "now measure it: ros2 run aloe_pipeline evaluate --task $task --policy $work/$task --seeds 0:50 --processes 2"
