# SPDX-License-Identifier: LGPL-2.1-or-later
# Packages of a Debian suite that this machine does not use, without touching its apt set-up.
# Every suite has its own sources, lists and cache under the cache directory; the mirror and the
# architecture are the machine's own, and its proxy and other settings stay in force.
# Invariant: nothing here writes to /etc/apt or to /var/lib/apt/lists.

# The mirror of the machine's main archive: the entry of its own release, not of security updates.
apt_mirror() {
	local codename mirror
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk -v c="$codename" '$1 == c { print $2; exit }')
	[ -n "$mirror" ] || die "no apt source for '$codename' is configured on this machine"
	echo "$mirror"
}

# apt_private SUITE [with-own]: sets APT_OPTS so that apt sees only SUITE, or, with-own, SUITE
# beside the machine's own sources, whose lists are taken over to save their download.
apt_private() {
	local suite=$1 own=${2-} dir mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	dir=$CACHE/apt/$suite$own
	[ -r $keyring ] || die "$keyring is missing: install debian-archive-keyring"
	mirror=$(apt_mirror)
	rm -rf "$dir/sources.d"
	mkdir -p "$dir/sources.d" "$dir/lists/partial" "$dir/cache/archives/partial"
	printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
		"$mirror" "$suite" $keyring >"$dir/sources.d/devlease.sources"
	APT_OPTS=(-o Dir::Etc::sourceparts="$dir/sources.d" -o Dir::State::lists="$dir/lists"
		-o Dir::Cache="$dir/cache" -o Dir::Cache::pkgcache="" -o Dir::Cache::srcpkgcache=""
		-o APT::Sandbox::User=root)
	if [ -z "$own" ]; then
		APT_OPTS+=(-o Dir::Etc::sourcelist=/dev/null)
		return
	fi
	find /etc/apt/sources.list.d -maxdepth 1 \( -name '*.sources' -o -name '*.list' \) \
		-exec cp -t "$dir/sources.d" {} +
	find /var/lib/apt/lists -maxdepth 1 -type f ! -name lock -exec cp -p -t "$dir/lists" {} +
}

# apt_private_prefer SUITE PACKAGE...: these come from SUITE and everything else from where it
# would come anyway; a whole suite preferred leaves libraries that no -dev package here fits.
apt_private_prefer() {
	local suite=$1 file=$CACHE/apt/$1.preferences
	shift
	printf 'Package: %s\nPin: release n=%s\nPin-Priority: 990\n' "$*" "$suite" >"$file"
	APT_OPTS+=(-o Dir::Etc::preferences="$file")
}

# Refreshes the lists of the prepared suite; fails when the mirror does not have it.
apt_private_update() {
	apt-get "${APT_OPTS[@]}" -qq update 2>"$CACHE/apt/update.log"
}

# apt_private_candidates REGEX: "PACKAGE VERSION" lines of the prepared suite.
apt_private_candidates() {
	apt-cache "${APT_OPTS[@]}" dumpavail | awk -v re="$1" '
		/^Package: / { p = $2 } /^Version: / && p ~ re { print p, $2 }'
}
