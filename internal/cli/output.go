package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the -o flag.
type output struct{ format string }

func (o *output) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "table", "output format: table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	check := func(*cobra.Command, []string) error {
		switch o.format {
		case "table", "json", "yaml":
			return nil
		}
		return usagef("unknown output format %q: it is table, json or yaml", o.format)
	}
	cmd.PreRunE = check
}

// print writes value (anything that marshals; raw JSON as the service sent
// it), or the table that fill writes.
func (o *output) print(w io.Writer, value any, fill func(t *table)) error {
	if o.format == "table" {
		t := &table{w: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)}
		fill(t)
		return t.w.Flush()
	}
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	if o.format == "yaml" {
		if body, err = yaml.JSONToYAML(body); err != nil {
			return fmt.Errorf("encode the output: %w", err)
		}
		_, err = w.Write(body)
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		return fmt.Errorf("encode the output: %w", err)
	}
	indented.WriteByte('\n')
	_, err = indented.WriteTo(w)
	return err
}

// table aligns columns.
type table struct{ w *tabwriter.Writer }

func (t *table) row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, cell(c))
	}
	fmt.Fprintln(t.w)
}

// cell is one value on one line; "-" where there is none.
func cell(v any) string {
	s := fmt.Sprint(v)
	switch v := v.(type) {
	case *time.Time:
		s = ""
		if v != nil {
			s = v.UTC().Format("2006-01-02T15:04:05Z")
		}
	case *int:
		s = ""
		if v != nil {
			s = fmt.Sprint(*v)
		}
	case []string:
		s = strings.Join(v, ",")
	}
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "-"
	}
	return s
}

// raws collects the answers' own JSON of a list.
func raws[T any](items []T, raw func(T) json.RawMessage) []json.RawMessage {
	out := make([]json.RawMessage, 0, len(items))
	for _, item := range items {
		out = append(out, raw(item))
	}
	return out
}
