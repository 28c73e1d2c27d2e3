package order_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// constants returns every string constant that the package declares of a type, so that
// a new one without an expectation in the tests makes them fail.
func constants[T ~string](tb testing.TB, typeName string) []T {
	tb.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		tb.Fatalf("list the package: %v", err)
	}
	var values []T
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			tb.Fatalf("parse %s: %v", name, err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if ident, ok := spec.Type.(*ast.Ident); !ok || ident.Name != typeName {
				return true
			}
			for _, value := range spec.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					s, err := strconv.Unquote(literal.Value)
					if err != nil {
						tb.Fatalf("%s: %v", literal.Value, err)
					}
					values = append(values, T(s))
				}
			}
			return true
		})
	}
	if len(values) < 2 {
		tb.Fatalf("found %d constants of type %s", len(values), typeName)
	}
	return values
}
