# What the environment is made from. Sourced by ./env on every call, so everything in here is quick.

path_variables=(PATH PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH PKG_CONFIG_PATH)

# Takes the folders below a prefix off every path variable.
forget_prefix() {
  local name part kept parts
  for name in "${path_variables[@]}"; do
    kept=
    IFS=: read -ra parts <<<"${!name-}"
    for part in "${parts[@]}"; do [[ $part == "$1" || $part == "$1"/* ]] || kept+=${kept:+:}$part; done
    if [[ -n $kept ]]; then export "$name=$kept"; else unset "$name"; fi
  done
}

# Inside another ./env (of this clone or of another one) its folders would hide what this one finds.
leave_other_environment() {
  [[ -n ${ALOE_ENV-} ]] || return 0
  forget_prefix "$ALOE_ENV"
  if [[ ${FASTRTPS_DEFAULT_PROFILES_FILE-} == "$ALOE_ENV"/* ]]; then
    unset FASTRTPS_DEFAULT_PROFILES_FILE ROS_AUTOMATIC_DISCOVERY_RANGE SKIP_DEFAULT_XML_FILE
  fi
  [[ ${ALOE_ROS-} == wheels ]] && unset ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION
  unset ALOE_ENV ALOE_ROS VIRTUAL_ENV _ROS_WHEELS_BOOTSTRAP_COMPLETE
}

leave_system_ros() {
  local prefix prefixes
  IFS=: read -ra prefixes <<<"${AMENT_PREFIX_PATH-}"
  for prefix in "${prefixes[@]}"; do
    # A ROS that the distribution installs into /usr cannot be told from the rest of the system.
    if [[ -n $prefix && $prefix != /usr ]]; then forget_prefix "$prefix"; fi
  done
  unset ROS_DISTRO ROS_VERSION ROS_PYTHON_VERSION
}

# In containers ROS_DISTRO is set by the image, but only its entry point sources the rest.
source_system_ros() {
  local setup=/opt/ros/jazzy/setup.bash
  [[ -e $setup ]] || fail "no ROS is sourced and $setup does not exist.
  Install ROS 2 Jazzy (Ubuntu 24.04: package ros-jazzy-ros-base), source the setup.bash of yours, or set ALOE_USE_ROS=wheels."
  set +eu  # it reads variables that may be unset
  source "$setup"
  set -eu
}

# Sets ros: "wheels", or the prefix of the system's ROS 2 Jazzy.
find_ros() {
  ros=wheels
  case ${ALOE_USE_ROS:-} in
    '') ;;
    wheels) leave_system_ros ;;
    system) ROS_DISTRO=${ROS_DISTRO:-jazzy} ;;
    *) fail "ALOE_USE_ROS=$ALOE_USE_ROS: choose system or wheels, or unset it to use a system ROS where one is sourced." ;;
  esac
  [[ -n ${ROS_DISTRO-} ]] || return 0
  [[ $ROS_DISTRO == jazzy ]] || fail "ROS 2 '$ROS_DISTRO' is sourced, but this suite needs 'jazzy'.
  Use a terminal in which /opt/ros/jazzy/setup.bash is sourced, or ALOE_USE_ROS=wheels."
  [[ -n ${AMENT_PREFIX_PATH-} ]] || source_system_ros
  local prefix prefixes
  IFS=: read -ra prefixes <<<"${AMENT_PREFIX_PATH-}"
  for prefix in "${prefixes[@]}"; do
    if [[ -e $prefix/share/rclpy/package.xml ]]; then ros=$prefix; return; fi
  done
  fail "ROS_DISTRO=jazzy is set, but no folder on AMENT_PREFIX_PATH holds rclpy.
  Source /opt/ros/jazzy/setup.bash (package ros-jazzy-ros-base), or set ALOE_USE_ROS=wheels."
}

# Keeps what runs in the environment to the loopback: nobody else on the network reaches it, unless a rig file opens more
# (aloe_data/aloe_data/transport.py). What the user has set himself is kept.
close_network() {
  if [[ ${RMW_IMPLEMENTATION:-rmw_fastrtps} != rmw_fastrtps* ]]; then
    export ROS_AUTOMATIC_DISCOVERY_RANGE=${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}
  elif [[ -z ${FASTRTPS_DEFAULT_PROFILES_FILE-} ]]; then
    export FASTRTPS_DEFAULT_PROFILES_FILE=$root/config/transport_loopback.xml
    # The profile says it all. LOCALHOST, however it is set, adds transports that listen on all addresses, and a file
    # DEFAULT_FASTRTPS_PROFILES.xml in the present folder would override it.
    export ROS_AUTOMATIC_DISCOVERY_RANGE=SYSTEM_DEFAULT SKIP_DEFAULT_XML_FILE=1
    unset ROS_LOCALHOST_ONLY
  elif [[ ! -r $FASTRTPS_DEFAULT_PROFILES_FILE ]]; then
    fail "FASTRTPS_DEFAULT_PROFILES_FILE=$FASTRTPS_DEFAULT_PROFILES_FILE cannot be read, and without it nodes listen on all
  addresses. Correct it, or unset it for the loopback alone."
  fi
}

# Sets torch_build: what was asked for, else what was chosen before, else cpu.
find_torch_build() {
  torch_build=cpu
  if [[ -r $state/torch_build ]]; then read -r torch_build <"$state/torch_build"; fi
  torch_build=${ALOE_TORCH:-$torch_build}
  [[ $torch_build == cpu || $torch_build == cuda ]] || fail "ALOE_TORCH=$torch_build: choose cpu or cuda."
}

# The folders of the workspace's packages.
package_folders() {
  local manifest
  for manifest in "$root"/*/package.xml; do
    if [[ -e $manifest ]]; then printf '%s\n' "${manifest%/package.xml}"; fi
  done
}

# Checksums of the files under package folders that need a build when they change: plain Python does not, it is linked.
build_inputs() {
  (($#)) || return 0
  find "$@" \( -name test -o -name '.*' -o -name __pycache__ -o -name '*.egg-info' \) -prune -o -type f \( -name package.xml \
    -o -name setup.py -o -name setup.cfg -o -name CMakeLists.txt -o -name '*.msg' -o -name '*.srv' -o -name '*.action' \
    -o -path '*/resource/*' \) -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
}

# Names of the files that aloe_bringup links from the root; their contents need no build.
linked_files() {
  find "$root/launch" "$root/config" "$root/assets" -name __pycache__ -prune -o -type f -print 2>/dev/null | LC_ALL=C sort || true
}

pin_files() {
  local of_mode=$root/requirements-system.txt
  if [[ $ros == wheels ]]; then of_mode=$root/requirements-ros.txt; fi
  printf '%s\n' "$root/requirements-lock.txt" "$root/requirements.txt" "$of_mode"
}

# One line that changes whenever something changes that the environment is made from.
inputs_key() {
  local packages pins sum
  mapfile -t packages < <(package_folders)
  mapfile -t pins < <(pin_files)
  sum=$({
    printf '%s\n' "$root" "$ros" "$torch_build"
    sha256sum "${pins[@]}" "$root"/env "$root"/underlay/setup/*.bash "$root"/colcon.meta
    build_inputs "${packages[@]}"
    linked_files
  } | sha256sum)
  printf '%s\n' "${sum%% *}"
}
