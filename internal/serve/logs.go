package serve

import (
	"io"
	"log/slog"
)

func (c *Config) logLevel() (slog.Level, error) {
	var l slog.Level
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// logger makes the service's structured log. Levels and formats are checked
// by Validate.
func (c *Config) logger(w io.Writer) *slog.Logger {
	level, err := c.logLevel()
	if err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
