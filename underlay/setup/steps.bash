# The steps that make the environment. Each leaves a stamp of what it was made from, written after its work is done, so an
# interrupted step is found undone; one lock keeps two set-ups apart.

logs=$state/logs stamps=$state/stamps
total_steps=7 step_number=0

set_up() {
  mkdir -p "$logs" "$stamps"
  exec 9>"$state/lock"
  if ! flock -n 9; then
    say "env: another ./env is setting up this workspace; waiting for it"
    flock 9
  fi
  if ! is_ready; then
    check_platform
    rm -f "$state/ready"
    trap 'say ""; say "env: interrupted; the next ./env resumes the set-up"; exit 130' INT TERM
    local started=$SECONDS key
    key=$(inputs_key)
    recover_interrupted_wheels
    if [[ ! -x $venv/bin/python ]]; then rm -rf "${stamps:?}"/*; fi
    step "System packages" system always install_missing_system_packages
    step "Python environment" venv "$root $ros" make_venv
    step "PyTorch ($torch_build)" torch "$torch_build $(grep '^torch==' "$root/requirements.txt")" install_torch
    step "Wheels" wheels "$(mapfile -t pins < <(pin_files); cat "${pins[@]}" | sha256sum)" install_wheels
    step "ROS stand-ins" underlay "$ros $(sha256sum <"$root/underlay/setup/steps.bash") $(<"$stamps/wheels")" install_underlay
    step "Workspace" workspace always build_workspace
    step "Off-screen rendering" rendering "$(<"$stamps/wheels")" choose_rendering
    write_activation >"$state/activate.bash.new"
    mv "$state/activate.bash.new" "$state/activate.bash"
    printf '%s\n' "$torch_build" >"$state/torch_build"
    printf '%s\n' "$key" >"$state/ready.new"
    mv "$state/ready.new" "$state/ready"
    trap - INT TERM
    say "env: ready after $((SECONDS - started)) s"
  fi
  exec 9>&-
}

# step TITLE NAME MADE_FROM FUNCTION: runs FUNCTION unless it was done from the same; its output goes to a log.
step() {
  local title=$1 name=$2 made_from=$3 function=$4 started=$SECONDS ticker= status=0
  step_number=$((step_number + 1))
  local line="[$step_number/$total_steps] $title"
  if [[ $made_from != always && -r $stamps/$name && $(<"$stamps/$name") == "$made_from" ]]; then
    say "$line: unchanged"
    return
  fi
  rm -f "$stamps/$name"
  if [[ -t 2 ]]; then
    (while printf '\r%s ... %d s ' "$line" $((SECONDS - started)) >&2; do sleep 1; done) 9>&- &
    ticker=$!
  fi
  # In a subshell whose result is not tested, so that errexit stops it at the first failure.
  set +e
  (set -e; "$function") >"$logs/$name.log" 2>&1
  status=$?
  set -e
  if [[ -n $ticker ]]; then kill "$ticker" 2>/dev/null; wait "$ticker" 2>/dev/null || true; printf '\r' >&2; fi
  if ((status)); then
    say "$line: FAILED after $((SECONDS - started)) s; the end of $logs/$name.log:"
    tail -n 25 "$logs/$name.log" >&2
    exit 1
  fi
  printf '%s\n' "$made_from" >"$stamps/$name"
  say "$line: done in $((SECONDS - started)) s"
}

install_missing_system_packages() {
  local python missing
  python=$(choose_python)
  mapfile -t missing < <(missing_system_packages "$python")
  if ((${#missing[@]})); then install_system_packages "${missing[@]}"; fi
}

make_venv() {
  local options=() python
  [[ $ros == wheels ]] || options=(--system-site-packages)
  python=$(choose_python)
  rm -rf "$venv" "$root/build" "$root/install" "${stamps:?}"/*
  "$python" -m venv "${options[@]}" "$venv"
}

# pip killed while it unpacks leaves packages that look installed. Before that it changed nothing.
recover_interrupted_wheels() {
  local log
  for log in "$state"/pip_*.unfinished; do
    [[ -e $log ]] || continue
    if grep -q 'Installing collected packages' "$log"; then
      say "env: the last set-up was interrupted while it installed wheels; starting over"
      rm -rf "${stamps:?}"/*
    fi
    rm -f "$log"
  done
}

pip_install() {
  local log=$state/pip_$1.unfinished status
  shift
  set +e
  "$venv/bin/python" -m pip install --no-compile --no-input --disable-pip-version-check --progress-bar off "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  set -e
  # 0 and 1 are pip's own verdicts: what it began it has finished or rolled back. Anything else was a kill.
  if ((status <= 1)); then rm -f "$log"; fi
  return "$status"
}

# Where pip's indexes have no CPU build (the usual case on Linux), uv knows where PyTorch keeps it.
install_torch() {
  local pin
  pin=$(grep '^torch==' "$root/requirements.txt")
  if [[ $torch_build == cuda ]]; then
    pip_install torch "$pin,!=${pin#torch==}+cpu"
    return
  fi
  pip_install torch "$pin+cpu" && return
  echo "pip's indexes have no CPU build of PyTorch; trying uv, which knows PyTorch's own."
  pip_install torch uv==0.13.8
  "$venv/bin/uv" pip install --python "$venv/bin/python" --torch-backend cpu "$pin"
}

install_wheels() {
  local pins requirements=() file
  mapfile -t pins < <(pin_files)
  for file in "${pins[@]}"; do
    if [[ $file == *-lock.txt ]]; then requirements+=(-c "$file"); else requirements+=(-r "$file"); fi
  done
  pip_install wheels "${requirements[@]}"
  install_tools_of_our_own
}

# What the system has at the pinned version pip does not install again: its command would run under the system's Python.
install_tools_of_our_own() {
  local tool
  for tool in pytest ruff mypy; do
    if [[ ! -x $venv/bin/$tool ]]; then
      pip_install "$tool" --ignore-installed --no-deps "$(grep "^$tool==" "$root/requirements.txt")"
    fi
  done
}

install_underlay() {
  local site
  site=$("$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  rm -f "$site/aloe_underlay.pth"
  write_ros2_command
  [[ $ros == wheels ]] || return 0
  # The wheels' CMake files name the folders of the machine that built them.
  local python_include numpy_include
  python_include=$("$venv/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("include"))')
  numpy_include=$("$venv/bin/python" -c 'import numpy; print(numpy.get_include())')
  { grep -rlZ --include='*.cmake' '/opt/python/cp' "$venv/share" || true; } | xargs -0 -r sed -i -E \
    -e "s#/opt/python/[^;\"]*/numpy/(_core|core)/include#$numpy_include#g" \
    -e "s#/opt/python/[^;\"]*/include/python3\.[0-9]+#$python_include#g"
  printf '%s\n' "$root/underlay" >"$site/aloe_underlay.pth"
}

# A system's own `ros2` runs under the system's Python, which has none of the suite's packages: launch files need them.
write_ros2_command() {
  printf '#!%s\nimport sys\n\nfrom ros2cli.cli import main\n\nsys.exit(main())\n' "$venv/bin/python" >"$venv/bin/ros2"
  chmod +x "$venv/bin/ros2"
}

# Builds the packages whose build inputs changed, and forgets those that are gone.
build_workspace() {
  local folders=() changed=() folder name made_from common status=0
  mkdir -p "$stamps/packages" "$stamps/building"
  common="$(<"$stamps/venv") $(<"$stamps/underlay") $(sha256sum <"$root/colcon.meta")"
  mapfile -t folders < <(package_folders)
  adopt_finished_packages
  for folder in "${folders[@]}"; do
    name=${folder##*/}
    made_from=$(package_key "$folder" "$common")
    if [[ -d $root/install/$name && -r $stamps/packages/$name && $(<"$stamps/packages/$name") == "$made_from" ]]; then
      continue
    fi
    # Without a stamp the last build did not end: nothing of it is trusted.
    if [[ ! -e $stamps/packages/$name ]]; then rm -rf "$root/build/$name" "$root/install/$name"; fi
    # Commands that setup.py no longer names would stay.
    rm -rf "$stamps/packages/$name" "$root/install/$name/lib/$name" "$root/build/$name/colcon_build.rc"
    printf '%s\n' "$made_from" >"$stamps/building/$name"
    changed+=("$name")
  done
  forget_removed_packages "${folders[@]}"
  ((${#changed[@]})) || return 0
  echo "building ${changed[*]}"
  write_base_activation >"$state/base.bash"
  (
    source "$state/base.bash"
    cd "$root"
    "$venv/bin/python" -m colcon --log-base "$state/colcon_log" build --symlink-install --paths "${folders[@]}" \
      --packages-select "${changed[@]}" --continue-on-error --event-handlers console_direct- console_cohesion+
  ) || status=$?
  adopt_finished_packages
  return "$status"
}

# A package is built when colcon has written its result, be it that the build of another one failed or was interrupted.
adopt_finished_packages() {
  local name
  for name in $(ls "$stamps/building"); do
    if [[ $(cat "$root/build/$name/colcon_build.rc" 2>/dev/null) == 0 ]]; then
      mv "$stamps/building/$name" "$stamps/packages/$name"
    else
      rm "$stamps/building/$name"
    fi
  done
}

package_key() {
  { printf '%s\n' "$2"; build_inputs "$1"; if [[ $1 == */aloe_bringup ]]; then linked_files; fi; } | sha256sum
}

forget_removed_packages() {
  local stamp name
  for stamp in "$stamps"/packages/*; do
    name=${stamp##*/}
    if [[ -e $stamp && ! " $* " == *"/$name "* ]]; then rm -rf "$root/build/$name" "$root/install/$name" "$stamp"; fi
  done
}

choose_rendering() {
  local backend
  for backend in egl osmesa; do
    if MUJOCO_GL=$backend "$venv/bin/python" -c "
import mujoco
mujoco.Renderer(mujoco.MjModel.from_xml_string('<mujoco/>'), 8, 8).render()"; then
      printf '%s\n' "$backend" >"$state/rendering"
      return
    fi
  done
  fail "MuJoCo can render off-screen neither through EGL nor through OSMesa.
  Debian/Ubuntu: apt-get install libegl1 libgl1 libgl1-mesa-dri (or libosmesa6); then run this again."
}

# Prints shell code that sets the environment without the workspace's packages.
write_base_activation() {
  local libraries
  printf 'export ALOE_ENV=%q ALOE_ROS=%q VIRTUAL_ENV=%q\n' "$root" "$ros" "$venv"
  prepend PATH "$venv/bin"
  [[ $ros == wheels ]] || return 0
  libraries=$(printf '%s:' "$venv/lib" "$venv"/lib/python3.*/site-packages/ros_*.libs)
  printf 'export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3 _ROS_WHEELS_BOOTSTRAP_COMPLETE=1\n'
  prepend AMENT_PREFIX_PATH "$venv"
  prepend CMAKE_PREFIX_PATH "$venv"
  prepend LD_LIBRARY_PATH "${libraries%:}"
}

prepend() { printf 'export %s=%q${%s:+:$%s}\n' "$1" "$2" "$1" "$1"; }

# Prints shell code that sets the whole environment: sourcing the workspace takes half a second, this does not.
write_activation() {
  local name value mark=/end-of-what-the-workspace-adds
  write_base_activation
  if [[ -e $root/install/local_setup.bash ]]; then
    while IFS='=' read -r name value; do
      value=${value%%"$mark"*}
      if [[ -n $value ]]; then prepend "$name" "${value%:}"; fi
    done < <(
      for name in "${path_variables[@]}"; do export "$name=$mark:/usr/bin:/bin"; done
      export COLCON_PYTHON_EXECUTABLE=$venv/bin/python
      set +eu
      source "$root/install/local_setup.bash"
      for name in "${path_variables[@]}"; do printf '%s=%s\n' "$name" "${!name}"; done
    )
  fi
  printf 'if [[ -z ${DISPLAY-}${WAYLAND_DISPLAY-} ]]; then export MUJOCO_GL=${MUJOCO_GL:-%s}; fi\n' "$(<"$state/rendering")"
}
