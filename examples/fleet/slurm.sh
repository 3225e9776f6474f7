#!/bin/bash
# A run on the nodes of a Slurm job: servers on the last node, a load generator on each of the others.
#
#     sbatch --nodes=3 slurm.sh quick
#     sbatch --nodes=3 slurm.sh --resume results/RUN
#
# The arguments are those of `holabench run`. The directory of submission has to be on a shared file system, and
# `holabench` on the PATH of all nodes: activate its environment before sbatch.

#SBATCH --job-name=holabench
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@120

set -euo pipefail
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
if ((${#nodes[@]} < 2)); then
    echo "the servers and the load generators need a node each: sbatch --nodes=2 or more" >&2
    exit 2
fi

port=8786
folder=$PWD/holabench-$SLURM_JOB_ID
agents=
trap 'kill $agents 2>/dev/null || true; rm -rf "$folder"' EXIT
umask 077
mkdir "$folder"
holabench fleet-keys "$folder/keys" "${nodes[@]}" >"$folder/keys.txt"
{
    echo "listen = \"0.0.0.0:$port\""
    echo "tls_dir = \"keys/controller\""
    echo "servers_on = \"${nodes[-1]}\""
    echo "generators_on = [$(printf '"%s", ' "${nodes[@]:0:${#nodes[@]}-1}")]"
    echo "wait_s = 120"
} >"$folder/fleet.toml"

# This script runs on the first node. An agent has to see all CPUs of its node, so Slurm must not bind it to one.
srun --cpu-bind=none --cpus-per-task="$SLURM_CPUS_ON_NODE" --kill-on-bad-exit=0 bash -c '
    exec holabench agent --scheduler "tls://$SLURM_LAUNCH_NODE_IPADDR:$1" --name "$SLURMD_NODENAME" \
        --tls-dir "$2/$SLURMD_NODENAME"' bash "$port" "$folder/keys" &
agents=$!

# In the background, because bash handles a signal only after the command in front of it.
umask 022
holabench run --fleet "$folder/fleet.toml" "$@" &
run=$!
trap 'kill -TERM $run' TERM
until wait $run; status=$?; ! kill -0 $run 2>/dev/null; do continue; done
exit $status
