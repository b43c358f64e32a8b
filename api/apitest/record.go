package apitest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// exercisedVar names the environment variable with the directory in which
// the tests of all packages note what they exercised, a file per process.
const exercisedVar = "HANOK_TEST_API_EXERCISED"

var notes struct {
	sync.Mutex
	seen map[string]bool // "GET /v1/clusters 200"
	file *os.File
}

// note writes down that an operation gave a status, once per process.
func note(op Operation, status int) error {
	line := op.Name() + " " + strconv.Itoa(status)
	notes.Lock()
	defer notes.Unlock()
	if notes.seen[line] {
		return nil
	}
	if notes.seen == nil {
		notes.seen = map[string]bool{}
	}
	notes.seen[line] = true
	dir := os.Getenv(exercisedVar)
	if dir == "" {
		return nil
	}
	if notes.file == nil {
		file, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("note what was exercised: %w", err)
		}
		notes.file = file
	}
	_, err := fmt.Fprintln(notes.file, line)
	return err
}

// readNotes reads what the processes of a test run noted.
func readNotes(dir string) (map[string]bool, error) {
	seen := map[string]bool{}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range files {
		file, err := os.Open(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			seen[lines.Text()] = true
		}
		file.Close()
		if lines.Err() != nil {
			return nil, lines.Err()
		}
	}
	return seen, nil
}

// unexercised lists the operations that no note shows to end well. One that
// answers 501 is not built, and one that cannot end well has to be refused.
func unexercised(seen map[string]bool) []string {
	best := map[string]int{}
	for line := range seen {
		i := strings.LastIndexByte(line, ' ')
		status, err := strconv.Atoi(line[i+1:])
		if err == nil && (best[line[:i]] == 0 || status < best[line[:i]]) {
			best[line[:i]] = status
		}
	}
	var missing []string
	for _, op := range Operations() {
		status := best[op.Name()]
		switch {
		case status >= 200 && status < 400:
		case seen[op.Name()+" 501"] && op.MayBeNotBuilt():
		case status != 0 && !op.Succeeds():
		default:
			missing = append(missing, op.Name())
		}
	}
	slices.Sort(missing)
	return missing
}
