# Arguments: the Debian tree, the images' directory, the destination, then the
# image archives by name. Runs as the first process of a PID namespace and in a
# mount namespace that nobody else sees: every mount and process ends with it.
set -eu
tree=$1 images=$2 dest=$3
shift 3

# The tree itself stays as it is: whatever containerd writes goes to memory.
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=0755 tmpfs "$tree/run"
mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
mount -t tmpfs -o mode=0711 tmpfs "$tree/var/lib/containerd"
mount -t tmpfs -o mode=0755 tmpfs "$tree/opt/hanok"
mkdir "$tree/opt/hanok/images"
mount --bind -o ro "$images" "$tree/opt/hanok/images"

cat >"$tree/run/containerd.toml" <<'TOML'
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "/run/seed.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "/run/opt"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
TOML
chroot "$tree" /usr/bin/containerd --config /run/containerd.toml --log-level warn >"$tree/run/log" 2>&1 &
daemon=$!
ctr() { chroot "$tree" /usr/bin/ctr --address /run/seed.sock --namespace k8s.io "$@"; }
fail() {
	echo "$*: containerd said:"
	tail -n 15 "$tree/run/log"
	exit 1
}
tries=0
until ctr version >/dev/null 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || fail "containerd did not answer within 30 s"
	kill -0 $daemon 2>/dev/null || fail "containerd ended"
	sleep 0.1
done
for image in "$@"; do
	ctr images import --snapshotter overlayfs "/opt/hanok/images/$image" >"$tree/run/import" 2>&1 ||
		fail "importing $image: $(cat "$tree/run/import")"
done
# containerd's CRI side names each image by its id a moment later; machines
# need not do it again when it is done here.
tries=0
until [ "$(ctr images list -q | grep -c '^sha256:')" -ge $# ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || fail "the CRI plugin did not take up the images within 10 s"
	sleep 0.1
done
kill -TERM $daemon
wait $daemon || true

root=$tree/var/lib/containerd
overlay=io.containerd.snapshotter.v1.overlayfs
mkdir -p "$dest/io.containerd.metadata.v1.bolt" "$dest/io.containerd.content.v1.content" "$dest/$overlay/snapshots"
cp -a "$root/io.containerd.content.v1.content/blobs" "$dest/io.containerd.content.v1.content/"
for snapshot in "$root/$overlay/snapshots"/*; do
	mkdir "$dest/$overlay/snapshots/${snapshot##*/}"
	cp -a "$snapshot/fs" "$dest/$overlay/snapshots/${snapshot##*/}/"
done
cp -a "$root/$overlay/metadata.db" "$dest/$overlay/"
cp -a "$root/io.containerd.metadata.v1.bolt/meta.db" "$dest/io.containerd.metadata.v1.bolt/"
