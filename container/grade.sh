#!/bin/sh
# usage: container/grade.sh SUBMISSIONS GRADES [options of deqlab grade]
#
# Grades a folder in a container of the image deqlab-grading: no network, nothing of this machine
# but the two folders, bounded memory, processes and disk, no privileges. ENGINE=docker uses docker.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: $0 SUBMISSIONS GRADES [options of deqlab grade]" >&2
  exit 2
fi
submissions=$(realpath "$1")
mkdir -p "$2"
grades=$(realpath "$2")
shift 2

engine=${ENGINE:-podman}
# Inside, each submission gets namespaces of its own; the engines' defaults forbid that.
case $(basename "$engine") in
  docker) nested="--security-opt systempaths=unconfined --security-opt apparmor=unconfined" ;;
  *) nested="--security-opt unmask=ALL --userns keep-id" ;;
esac

# shellcheck disable=SC2086  # $nested is several words
exec "$engine" run --rm --init \
  --network none \
  --read-only --tmpfs /tmp:rw,nosuid,nodev,size=4g \
  --cap-drop all --security-opt no-new-privileges --security-opt seccomp=unconfined $nested \
  --pids-limit 1024 --memory "${MEMORY:-8g}" --memory-swap "${MEMORY:-8g}" --cpus "${CPUS:-2}" \
  --user "$(id -u):$(id -g)" --env HOME=/tmp \
  --volume "$submissions:/submissions:ro" --volume "$grades:/grades:rw" \
  deqlab-grading --isolation namespace --jobs "${CPUS:-2}" "$@"
