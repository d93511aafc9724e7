# What tools/demo and tools/test do first; to be sourced, at the top of the tree.

# Installs what is missing. $@: the programs that the caller runs.
install_missing() {
  local program missing=()
  for program in c++ meson ninja pkg-config python3 "$@"; do
    command -v "$program" > /dev/null || missing+=("$program")
  done
  if ((${#missing[@]})) || ! pkg-config --exists libdpdk libglog gtest yaml-cpp; then
    echo "installing what is missing (tools/deps)"
    tools/deps
  fi
}

# build/src/podwarp and all tests, in build/.
build() {
  if [[ ! -f build/build.ninja ]]; then
    echo "setting up build/"
    meson setup build > build-setup.log || { cat build-setup.log; return 1; }
    rm build-setup.log
  fi
  echo "building, which takes some minutes the first time"
  ninja -C build "$@"
}

# 2 GiB of hugepages and a file system to take them from, if we may. podwarp runs without, too.
make_hugepages() {
  local wanted=1024 pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
  if [[ -e $pages ]] && (($(< $pages) < wanted)); then
    (echo $wanted > $pages) 2> /dev/null || true
  fi
  if [[ ! -e $pages ]] || (($(< $pages) < wanted)); then
    echo "note: $wanted hugepages of 2 MiB can't be made here; podwarp then runs on ordinary memory"
  fi
  if ! grep -q ' hugetlbfs ' /proc/mounts; then
    mkdir -p /dev/hugepages && mount -t hugetlbfs none /dev/hugepages 2> /dev/null ||
      echo "note: hugetlbfs can't be mounted here; podwarp then runs on ordinary memory"
  fi
}
