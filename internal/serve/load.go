package serve

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

// Load gives the flags that were not set on the command line their values
// from the environment, and what is left theirs from a YAML file ("" reads
// none). A value that does not fit, and a key of the file that no setting
// has, is an error that says where it stands.
func Load(fs *pflag.FlagSet, getenv func(string) string, file string) error {
	values, err := readFile(file)
	if err != nil {
		return err
	}
	var failed error
	fs.VisitAll(func(f *pflag.Flag) {
		key := strings.ReplaceAll(f.Name, "-", "_")
		fromFile, inFile := values[key]
		delete(values, key)
		if f.Changed || failed != nil {
			return
		}
		if v := getenv("HANOK_" + strings.ToUpper(key)); v != "" {
			failed = set(fs, f, "environment variable HANOK_"+strings.ToUpper(key), split(f, v))
			return
		}
		if inFile {
			failed = set(fs, f, file+": "+key, fromFile)
		}
	})
	if failed != nil {
		return failed
	}
	if len(values) > 0 {
		return fmt.Errorf("%s: unknown settings %s: see hanok serve --help for those that there are", file, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	return nil
}

// readFile gives each setting of a configuration file as the texts that its
// flag would be given.
func readFile(file string) (map[string][]string, error) {
	values := map[string][]string{}
	if file == "" {
		return values, nil
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	var raw map[string]any
	if err := yaml.UnmarshalStrict(body, &raw); err != nil {
		return nil, fmt.Errorf("%s is not the YAML of a configuration: %w", file, err)
	}
	for key, v := range raw {
		texts, err := texts(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, key, err)
		}
		values[key] = texts
	}
	return values, nil
}

// texts gives a YAML value as flag values: a scalar is one, a list one per
// item, and an object one KEY=VALUE per item of each of its values.
func texts(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, fmt.Errorf("has no value: give one or leave the key out")
	case []any:
		var all []string
		for _, item := range v {
			t, err := texts(item)
			if err != nil {
				return nil, err
			}
			all = append(all, t...)
		}
		return all, nil
	case map[string]any:
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t, err := texts(v[key])
			if err != nil {
				return nil, err
			}
			for _, s := range t {
				all = append(all, key+"="+s)
			}
		}
		return all, nil
	case float64:
		return []string{fmt.Sprintf("%v", v)}, nil
	default:
		return []string{fmt.Sprint(v)}, nil
	}
}

// split gives an environment variable as flag values: one, but for a flag
// that is a list, where spaces part the items.
func split(f *pflag.Flag, v string) []string {
	if _, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Fields(v)
	}
	return []string{v}
}

func set(fs *pflag.FlagSet, f *pflag.Flag, where string, values []string) error {
	if _, ok := f.Value.(pflag.SliceValue); !ok && len(values) != 1 {
		return fmt.Errorf("%s: it takes one value, not %d", where, len(values))
	}
	for _, v := range values {
		if err := fs.Set(f.Name, v); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return nil
}
