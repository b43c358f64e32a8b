package rootfs

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// upstream are Debian's own mirrors, for a host whose apt names none of the
// tree's release: one of another release or distribution. They are no setting
// of hanok's: another mirror is named in the host's /etc/apt, beside the keys
// and proxies that it needs, and is then used.
var upstream = []string{
	"deb http://deb.debian.org/debian " + codename + " main",
	"deb http://deb.debian.org/debian " + codename + "-updates main",
	"deb http://deb.debian.org/debian-security " + codename + "-security main",
}

// debianSources returns the Debian mirrors of an apt configuration directory,
// as one-line sources for the tree's release; upstream where it has none.
// Everything else there is left out: third parties, other releases, backports.
func debianSources(aptDir string) ([]string, error) {
	files := []string{filepath.Join(aptDir, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join(aptDir, "sources.list.d", pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	var lines []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var entries []source
		if strings.HasSuffix(file, ".sources") {
			entries = parseDeb822(string(raw))
		} else {
			entries = parseOneLine(string(raw))
		}
		for _, s := range entries {
			if line := s.line(); line != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, " "+codename+" ") }) {
		return upstream, nil
	}
	return lines, nil
}

// source is one mirror with one suite.
type source struct {
	uri, suite string
	components []string
	signedBy   string
}

// line returns the source as a line of sources.list, "" where it is not a
// mirror of the tree's release.
func (s source) line() string {
	if s.suite != codename && s.suite != codename+"-updates" && s.suite != codename+"-security" {
		return ""
	}
	// Third parties name Debian's releases too; they are known by their
	// components or by their path.
	if !slices.Contains(s.components, "main") {
		return ""
	}
	u, err := url.Parse(s.uri)
	if err != nil {
		return ""
	}
	if base := path.Base(u.Path); base != "debian" && base != "debian-security" {
		return ""
	}
	options := ""
	if strings.HasPrefix(s.signedBy, "/") {
		options = "[signed-by=" + s.signedBy + "] "
	}
	return fmt.Sprintf("deb %s%s %s main", options, s.uri, s.suite)
}

// parseOneLine reads the classic format: "deb [options] uri suite components".
func parseOneLine(text string) (found []source) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		rest, ok := strings.CutPrefix(line, "deb ")
		if !ok {
			continue
		}
		rest = strings.TrimSpace(rest)
		signedBy := ""
		if strings.HasPrefix(rest, "[") {
			options, after, _ := strings.Cut(rest[1:], "]")
			for _, o := range strings.Fields(options) {
				if v, ok := strings.CutPrefix(o, "signed-by="); ok {
					signedBy = v
				}
			}
			rest = after
		}
		if f := strings.Fields(rest); len(f) >= 3 {
			found = append(found, source{uri: f[0], suite: f[1], components: f[2:], signedBy: signedBy})
		}
	}
	return found
}

// parseDeb822 reads the newer format: stanzas of "Field: values".
func parseDeb822(text string) (found []source) {
	fields := map[string]string{}
	flush := func() {
		if slices.Contains(strings.Fields(fields["types"]), "deb") && !strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			for _, uri := range strings.Fields(fields["uris"]) {
				for _, suite := range strings.Fields(fields["suites"]) {
					found = append(found, source{
						uri: uri, suite: suite, components: strings.Fields(fields["components"]),
						signedBy: strings.TrimSpace(fields["signed-by"]),
					})
				}
			}
		}
		clear(fields)
	}
	last := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			flush()
			last = ""
		case strings.HasPrefix(trimmed, "#"):
		case line[0] == ' ' || line[0] == '\t': // continues the field before
			fields[last] += " " + trimmed
		default:
			name, value, _ := strings.Cut(trimmed, ":")
			last = strings.ToLower(name)
			fields[last] = value
		}
	}
	flush()
	return found
}

// aptProxies returns the host's settings for reaching mirrors. mmdebstrap does
// not take them over by itself.
func aptProxies(ctx context.Context) (options []string) {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "--no-empty", "--format", `%f "%v";%n`).Output()
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, " ")
		switch strings.ToLower(name) {
		case "acquire::http::proxy", "acquire::https::proxy", "acquire::https::cainfo", "acquire::retries":
			options = append(options, line)
		}
	}
	return options
}
