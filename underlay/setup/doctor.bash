# ./env --doctor: what was found, what is wrong, and what helps. Changes nothing.

problems=0

good() { printf '  ok     %-22s %s\n' "$1" "$2"; }
bad() {
  problems=$((problems + 1))
  printf '  WRONG  %-22s %s\n' "$1" "$2"
  printf '         %-22s -> %s\n' "" "$3"
}
note() { printf '  note   %-22s %s\n' "$1" "$2"; }

doctor() {
  printf 'Environment of %s\n' "$root"
  doctor_platform
  doctor_ros
  doctor_system
  doctor_environment
  if [[ -x $venv/bin/python && -r $state/activate.bash ]]; then doctor_packages; fi
  doctor_shared_memory
  if ((problems)); then printf '%d problem(s).\n' "$problems"; return 1; fi
  printf 'No problem found.\n'
}

doctor_platform() {
  local name free_kib problem
  name=$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME-}") || true
  if problem=$(check_platform 2>&1); then
    good "platform" "${name:-$(uname -s)}, $(uname -m), $(nproc) cores"
  else
    bad "platform" "$(uname -s) on $(uname -m)" "${problem#env: }"
  fi
  free_kib=$(df -Pk "$root" | awk 'NR == 2 {print $4}')
  if ((free_kib > 6000000)) || [[ -e $state/ready ]]; then
    good "disk" "$((free_kib / 1048576)) GiB free"
  else
    bad "disk" "$((free_kib / 1048576)) GiB free" "the environment needs about 6 GiB while it is made"
  fi
}

doctor_ros() {
  if [[ $ros == wheels ]]; then
    good "ROS" "from wheels, with the stand-ins in underlay/"
    if [[ -e /opt/ros/jazzy/setup.bash ]]; then
      note "ROS" "there is a system Jazzy: source /opt/ros/jazzy/setup.bash to use it"
    fi
  else
    good "ROS" "Jazzy at $ros (sourced); no stand-ins"
  fi
  note "ROS domain" "ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-0}, transport ${FASTRTPS_DEFAULT_PROFILES_FILE:-of ${RMW_IMPLEMENTATION-}}"
}

doctor_system() {
  local python missing
  if ! python=$(choose_python 2>&1); then
    bad "Python" "none that will do" "${python#env: }"
    return
  fi
  good "Python" "$python ($("$python" -I -c 'import platform; print(platform.python_version())'))"
  mapfile -t missing < <(missing_system_packages "$python")
  if ((${#missing[@]})); then
    bad "system packages" "missing: ${missing[*]}" "sudo apt-get update && sudo apt-get install -y ${missing[*]}"
  else
    good "system packages" "compiler, cmake, GL libraries"
  fi
}

doctor_environment() {
  local log
  if is_ready; then
    good "environment" ".venv and workspace are made from the present pins and interfaces"
  elif [[ -e $state/activate.bash ]]; then
    note "environment" "something it is made from has changed; the next ./env COMMAND updates it"
  else
    note "environment" "not made yet; ./env COMMAND makes it"
  fi
  for log in "$state"/pip_*.unfinished; do
    if [[ -e $log ]]; then note "environment" "a set-up was interrupted; the next ./env COMMAND repairs it"; fi
  done
}

# One Python process imports everything, so that what fails is named with its reason.
doctor_packages() {
  local status what detail
  while IFS=$'\t' read -r status what detail; do
    if [[ $status == ok ]]; then good "$what" "$detail"; else bad "$what" "$detail" "rm -r .venv .env_state, then ./env COMMAND"; fi
  done < <(
    source "$state/activate.bash"
    "$venv/bin/python" "$root/underlay/setup/check_imports.py" "$torch_build" 2>/dev/null
  )
  if [[ -r $state/rendering ]]; then good "off-screen rendering" "MUJOCO_GL=$(<"$state/rendering")"; fi
}

# Killed nodes leave their segments; others then print "Failed init_port ... open_and_lock_file failed".
doctor_shared_memory() {
  local used
  [[ $ros == wheels ]] || return 0
  used=$(find /dev/shm -maxdepth 1 -name '*fastrtps*' 2>/dev/null | wc -l)
  if ((used > 200)); then
    bad "shared memory" "$used files of FastDDS in /dev/shm" "stop all nodes, then ./env fastdds shm clean"
  else
    good "shared memory" "$used files of FastDDS in /dev/shm"
  fi
}
