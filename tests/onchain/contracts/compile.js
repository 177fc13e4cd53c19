// Standard JSON in on stdin, compiler output on stdout. Imports are found under node_modules.
// solc comes from npm: no compiler is downloaded.
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require('solc');

const modules = path.join(__dirname, 'node_modules');
const input = JSON.parse(fs.readFileSync(0, 'utf8'));

function find(name) {
  const file = path.join(modules, name);
  if (!file.startsWith(modules + path.sep)) return { error: 'outside of node_modules: ' + name };
  try {
    return { contents: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    return { error: 'not found: ' + name };
  }
}

process.stdout.write(solc.compile(JSON.stringify(input), { import: find }));
