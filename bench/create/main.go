package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var cfg floorConfig
	if err := json.Unmarshal([]byte(os.Args[1]), &cfg); err != nil {
		panic(err)
	}
	fmt.Println(stage(cfg))
}
