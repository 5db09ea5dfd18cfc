#!/usr/bin/env bash
# Makes the demonstrations that come with the suite: ./env assets/phone_packing_demonstrations/make.sh WORK_FOLDER
# 6 minutes on two cores: demonstrations 4, reading bags 1.5.
set -euo pipefail
work=${1:?usage: make.sh WORK_FOLDER}
assets=$(cd "$(dirname "$0")/.." && pwd)
rig=$assets/../config/rig_sim.yaml
demos=(ros2 run aloe_pipeline record_demos --rig "$rig" --task phone_packing --fast)

"${demos[@]}" --episodes 36 --seed 100000 --noise 0.01 --out "$work/demos/noisy"
"${demos[@]}" --episodes 24 --seed 110000 --noise 0.015 --variation disturbed --out "$work/demos/disturbed"
ros2 run aloe_pipeline rounds ingest --rig "$rig" --policy "$assets/phone_packing" --folders "$work/demos" \
  --store "$work/store" --out "$work/episodes.json"
# The folder of the bags is of this machine, and not theirs who read the store.
sed -i 's|"bag": "[^"]*/demos/|"bag": "phone_packing_demonstrations/|' "$work/store/episodes.jsonl"
echo "the store is $work/store"
