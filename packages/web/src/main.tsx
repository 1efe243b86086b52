import '@mantine/core/styles.css'
import './app/app.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/app.tsx'
import { styleNonce } from './components/nonce.ts'

// What locks scrolling behind a dialog takes the nonce of its style from here.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() })

const place = document.getElementById('root')
if (place === null) throw new Error('index.html has no element #root')
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
