// What every program of a bundle does once it has started.
module github.com/hanok/hanok/kubernetes/settle

go 1.26
