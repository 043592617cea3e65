# Sourced by the other scripts: installs the Debian/Ubuntu packages that are missing. Needs root or sudo only then.
gd_packages="build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libdnnl-dev
 libopenblas-dev libyaml-dev zlib1g-dev liblzma-dev libzstd-dev
 libjpeg-dev libpng-dev libarchive-dev libcmocka-dev gnuplot-nox"

gd_install_packages() {
  local missing=
  for p in $gd_packages "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
  done
  [ -z "$missing" ] && return 0
  echo "installing:$missing"
  local as_root=
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing >/dev/null
}

# Open MPI refuses root unless told; containers often are root.
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
