# What has to come from the operating system: Python, a C++ compiler, cmake, GL for off-screen rendering.

oldest_python=11 newest_python=13

check_platform() {
  [[ $(uname -s) == Linux ]] || fail "$(uname -s) is not supported: the suite runs on Linux (on Windows, in WSL 2)."
  [[ $ros == wheels ]] || return 0
  [[ $(uname -m) == x86_64 ]] || fail "there are no ROS wheels for $(uname -m), only for x86_64.
  Install ROS 2 Jazzy (package ros-jazzy-ros-base) and source /opt/ros/jazzy/setup.bash; then ./env uses it."
}

# Prints the real path of a Python (behind shims and virtual environments), or nothing if it will not do.
usable_python() {
  "$1" -I -c "
import sys
if sys.implementation.name == 'cpython' and (3, $oldest_python) <= sys.version_info[:2] <= (3, $newest_python):
    print(sys._base_executable)" 2>/dev/null || true
}

# Prints the Python to build upon: the system ROS's own, or the first usable one.
choose_python() {
  local name python
  local names=(python3 python3.12 python3.11 python3.13)
  [[ $ros == wheels ]] || names=(/usr/bin/python3 python3)
  [[ -z ${ALOE_PYTHON-} ]] || names=("$ALOE_PYTHON")
  for name in "${names[@]}"; do
    python=$(usable_python "$name")
    [[ -n $python ]] || continue
    if [[ $ros == wheels ]] || "$python" -c 'import rclpy' 2>/dev/null; then printf '%s\n' "$python"; return; fi
  done
  [[ $ros == wheels ]] || fail "ROS 2 Jazzy is sourced ($ros), but none of ${names[*]} can import its rclpy.
  Set ALOE_PYTHON to the Python that this ROS was built for (Ubuntu 24.04: /usr/bin/python3)."
  fail "no usable Python among: ${names[*]} (needed: CPython 3.$oldest_python to 3.$newest_python).
  Install one (Debian/Ubuntu: apt-get install python3 python3-venv python3-dev), or set ALOE_PYTHON to its path."
}

has_library() { (ldconfig -p 2>/dev/null || /sbin/ldconfig -p) | grep -F "$1" >/dev/null; }

# What the suite takes from a system Jazzy, as names of ROS packages.
ros_packages=(rclpy launch_ros ros2launch ros2run ros2topic ros2node ros2service ros2param ros2bag rosbag2_py
  rosbag2_storage_mcap message_filters cv_bridge rosidl_default_generators ament_cmake)

missing_ros_packages() {
  local package
  for package in "${ros_packages[@]}"; do
    [[ -e $ros/share/$package/package.xml ]] || echo "ros-jazzy-${package//_/-}"
  done
}

# Prints the Debian names of the system packages that are missing, for the Python in $1.
missing_system_packages() {
  local python=$1 version
  version=$("$python" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  [[ $ros == wheels ]] || missing_ros_packages
  command -v cmake >/dev/null || echo cmake
  command -v make >/dev/null || echo make
  command -v g++ >/dev/null || echo g++
  "$python" -I -c 'import ensurepip, venv' 2>/dev/null || echo "python$version-venv"
  "$python" -I -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || echo "python$version-dev"
  has_library libEGL.so.1 || echo libegl1
  has_library libGL.so.1 || echo libgl1
  has_library libGLdispatch.so.0 || echo libglvnd0
  has_library libEGL_mesa.so.0 || has_library libEGL_nvidia.so.0 || echo libegl-mesa0
}

# Installs the packages, or says which command does.
install_system_packages() {
  if ! command -v apt-get >/dev/null; then
    fail "missing from the system (Debian's names): $*
  Install what your distribution calls them, then run this again."
  fi
  if ((EUID != 0)); then
    fail "missing from the system: $*. Run this, then try again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
  fi
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
