module yett/bench

go 1.26.0
