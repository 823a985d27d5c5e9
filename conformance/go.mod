module yett/conformance

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/fatih/color v1.19.0
	github.com/summerwind/h2spec v2.2.1+incompatible
	yett v0.0.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace yett => ../
