#!/bin/sh
# Install Debian's Slurm, if it is missing. Configures nothing and starts nothing by itself; where systemd runs,
# Debian starts Slurm's helper munge, and Slurm's own services stay down as long as /etc/slurm has no configuration.
set -eu
PATH=$PATH:/usr/sbin:/sbin
if command -v slurmctld slurmd sbatch > /dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    echo "make test-cluster needs Slurm (slurmctld, slurmd and sbatch): install it, or run this as root on Debian" >&2
    exit 1
fi
echo "+ apt-get install -y --no-install-recommends slurm-wlm"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends slurm-wlm
