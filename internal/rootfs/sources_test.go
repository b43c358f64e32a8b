package rootfs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDebianSources(t *testing.T) {
	t.Parallel()
	fallback := []string{
		"deb http://deb.debian.org/debian bookworm main",
		"deb http://deb.debian.org/debian bookworm-updates main",
		"deb http://deb.debian.org/debian-security bookworm-security main",
	}
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"nothing configured", nil, fallback},
		{
			"one-line format with third parties",
			map[string]string{
				"sources.list": "# deb http://old.example/debian bookworm main\n" +
					"deb http://mirror.example/debian/ bookworm main contrib # near\n" +
					"deb-src http://mirror.example/debian bookworm main\n" +
					"deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://sec.example/debian-security bookworm-security main\n",
				"sources.list.d/docker.list":  "deb https://download.docker.example/linux/debian bookworm stable\n",
				"sources.list.d/cloud.list":   "deb https://packages.cloud.example/apt cloud-sdk-bookworm main\n",
				"sources.list.d/hashi.list":   "deb https://apt.hashi.example bookworm main\n",
				"sources.list.d/bpo.list":     "deb http://mirror.example/debian bookworm-backports main\n",
				"sources.list.d/ignored.save": "deb http://saved.example/debian bookworm main\n",
			},
			[]string{
				"deb http://mirror.example/debian/ bookworm main",
				"deb [signed-by=/usr/share/keyrings/k.gpg] http://sec.example/debian-security bookworm-security main",
			},
		},
		{
			"stanzas",
			map[string]string{
				"sources.list.d/debian.sources": "Types: deb\n# comment\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n bookworm-updates\n" +
					"Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n" +
					"Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n",
			},
			[]string{
				"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main",
				"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-updates main",
			},
		},
		{
			"another release",
			map[string]string{"sources.list": "deb http://deb.debian.org/debian trixie main\n"},
			fallback,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				p := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := debianSources(dir)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			want := slices.Clone(tt.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}
