package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hanok/hanok/internal/client/clienttest"
)

// TestMain makes this program's command line a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hanok": func() { os.Exit(Main()) }})
}

// TestScripts runs the command lines of testdata/script against a service
// that speaks the API's shapes. Each script has a service of its own, with a
// complete cluster "c1"; "service OPTION" before the first command changes it.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			s := clienttest.New(env.T().(testing.TB))
			s.AddCluster("c1")
			for k, v := range s.Env() {
				env.Setenv(k, v)
			}
			env.Values["service"] = s
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"service": serviceOption,
			"created": created,
			"loaded":  loaded,
			"exitcode": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ts.Exec("sh", append([]string{"-c", `want=$1; shift; "$@"; got=$?; [ $got = $want ] || { echo "exit code $got, want $want" >&2; exit 1; }`, "sh"}, args...)...))
			},
			"requested": requested,
			"mode": func(ts *testscript.TestScript, _ bool, args []string) {
				info, err := os.Stat(ts.MkAbs(args[1]))
				ts.Check(err)
				if got := info.Mode().Perm().String(); got != args[0] {
					ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
				}
			},
		},
	})
}

// serviceOption changes the script's service.
func serviceOption(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value("service").(*clienttest.Server)
	switch args[0] {
	case "fail-create":
		s.FailCreate = args[1]
	case "fail-operation":
		s.FailOperation = args[1]
	case "no-keypair":
		s.NoKeypair = true
	case "add-cluster":
		s.AddCluster(args[1])
	default:
		ts.Fatalf("unknown option %s", args[0])
	}
}

// created writes the body of the last create request to a file.
func created(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value("service").(*clienttest.Server).Created()
	if len(all) == 0 {
		ts.Fatalf("no cluster was asked for")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(all[len(all)-1]), 0o600))
}

// requested writes the requests that changed node groups to a file.
func requested(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value("service").(*clienttest.Server).Requests()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(all, "\n")+"\n"), 0o600))
}

// loaded writes the image archive that a cluster was given to a file.
func loaded(ts *testscript.TestScript, _ bool, args []string) {
	archive := ts.Value("service").(*clienttest.Server).Images(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(archive), 0o600))
}
