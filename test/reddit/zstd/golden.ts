/**
 * Archives made once with `zstd` 1.5.4 from `CONTENTS` of ../archives.ts, in base64, so that the decoder is tested where no
 * such program is. Command: `zstd -c ARGS < content`.
 */
export const GOLDEN: readonly { readonly content: string; readonly args: string; readonly archive: Buffer }[] = [
  {
    content: 'empty',
    args: '-3',
    archive: fromLines(['KLUv/SQAAQAAmenYUQ==']),
  },
  {
    content: 'a short text',
    args: '-3 --no-check',
    archive: fromLines(['KLUv/QBYkQEAeyJhdXRob3IiOiJzb21lb25lIiwic3VicmVkZGl0IjoicGljcyIsInNjb3JlIjoxfQo=']),
  },
  {
    content: 'a short text',
    args: '-3 --long=31',
    archive: fromLines(['KLUv/QSokQEAeyJhdXRob3IiOiJzb21lb25lIiwic3VicmVkZGl0IjoicGljcyIsInNjb3JlIjoxfQp/yIzg']),
  },
  {
    content: 'one byte again and again',
    args: '-3',
    archive: fromLines(['KLUv/QRYVAAAEHp6AQD7/znAAgIAEHoDnwR6jcc3sg==']),
  },
  {
    content: 'one byte again and again',
    args: '-19',
    archive: fromLines(['KLUv/QRoTAAACHoBAPz/ORACAgAQegOfBHqNxzey']),
  },
  {
    content: 'few letters',
    args: '-19',
    archive: fromLines([
      'KLUv/QRoHQoAWknUBAjgaQxbygZQR0YASABMAMf8PzczCsvtf2yfwKE8f+sAOMZgryfyzsM+P1FHMNLIq9N5s9P4x5D/EfkD42d/BW1z/32Vvk',
      'oVzCXjd2gyyzNTY1hzjQfRyZFWZcb/9UfEuTR/EITwivUL+T/PMJscb5sQHySsVxA5RigrefxYHmNe9/wOyyz4eMpFbMD518Cf0fmqgaof0IEI',
      'f3s5BQMvDqX4Oxyo/MwrOdkN4KjnqYCz1iQhOyDukrvlcT4a3iGHsfCrmp663rU8Qks6jvSH2AkcL+izRLfdWBmXMlD+GMnWUoYt1jwPvycBV/',
      'Jah1/h4yOKW23P6+KoDQwXFzmHBTAzAeYo1ugTpDOWcSGD9PmEmuPIDShXBXEs/4R9Fv6fEIwSGfE0lBsNITkhBhhYHubdzUu5HwMAXxECU2dg',
      'ACrAiuq7',
    ]),
  },
  {
    content: 'few letters',
    args: '-3',
    archive: fromLines([
      'KLUv/QRYDQ0ARtslB/A5Usr53AMhACIAIwCvTOiQA24DXeMxcKvbynlUSBzAQsjNO9Xo4HvWpXAVTg2aGq2N118hDTZbnHR3CSHomlLNutCByi',
      'aavHRYHTpJ5yIE8tXRaSYm0otSBOpAhm7BI06xM8L7AKuSvQ7shCClplDL4wcqXmMmItHFpTIzW3rtjADh27iwmSL3dtErubIaNwOmHxMBC4CB',
      'qDE1RI7QiCRNsxswAmKMqbsbEBDSxoUDoTif8kOOvhc8AMeDJxtClOS/mIALvAhkxGtTyAJWUiM4FZF/4AnDUU8q+8vRYV20tiGo5bNYb/yCdW',
      '8ZR2T8tHK23qmTd4sxpy8EXfYPgjegXK5AikcXNGrjCFawypgyJkU1qxxZMygTmKU35uR+Iry5P7Vmjm14p7XRvp+YOgubMxJlmqOv/UUNqJFY',
      'xt4zaDxLolYqnCDXwIomTjBUgsFUSj15yt9BBnsK6I4JMKiClM9qwCrhCO3rQRvv9EDR6fK8xO036W9BgDgzIcerT4vOkOBoatkhBvuV8FmaAF',
      'xVK7vEBLME1XJlaPUHwIrquw==',
    ]),
  },
  {
    content: 'zeros with letters strewn in',
    args: '-9 --long=31',
    archive: fromLines([
      'KLUv/QSoVAoAUooPCeBpDHvvBgCqDBJqEUMkW8aI7YHACnazHEVulIITNAH8KAFhMJ1OFHLrjOAxzR5Hl9SHagzNTXJ7ocJrsGJMqMDIituRBZ',
      'QQYckhqwcSYDAIGAR/Q/D/MwQNBqQK9QPwwLRWmBEYIEGrNMy/ZsUcUDQdFPkXdGoq3nxWyAo9iHtdPVpGOGhxw1uY1SmGuNE3YLyvYy6yvmos',
      '51oJlOZTCBxVG0OypciK9ZkXTIB1ToBDkIO3swcL6vx3eIgYxssD8pshBrRjI2I/AeXwTRyDK0mzIBTh3VlyXeG9yOJqZobujfIR67QrcKAekh',
      'KzNMl7Y5KM2HsFEDmUoXEFVKUoFN3VYzyil0y7R8cHv9CyUAVJ/b2OgKJXxRB1P/SYpSPOiIKx8vPQef2c1Q7jhban82rGE7mTYfQ0A3o+LHbb',
      'Ey3qq9u5oFiMNAoAU0gLU2LICLEE7ILM3UkAmHAzAbZZvM0sDNwDhtgi3BDDltsvtRDYGZaY2e4aENkGQ+iRBIzwiDEIOvQBEvj//2cQmMGB4Z',
      'TyA7RPppBCdC4VVEn3rwvMTt/xbzC3kXhQ/Ly3RO7VHnUSSaAveE2VaAvDDkd5aOU7rdLRnD1sTyfCPf3dYuqUfrzm/OdW9CDfyXD0m7oZMjrN',
      'nYWSKy2wD4yLeSKWzZp+mjic9jja0nGPiEkMjp9CgnxZqxKrp1vos1hXWkW6z+coks2viDBhSQfKKKwB6GsrCM05nF8UQCRTl7W0AWZ+mV4cWY',
      'lyG068nX4A+sRo6+coBaC+vrr1DiSehKiYOnGYBvJmANY7gHYlfkWtEYz0gZUH/st3CeNg0UypklA7yPkPdyEZN/+WfJsytisrcBWDPQ794uOf',
      '81kM0QjJuy/kCQCzyAsxsxIxZyROIgYhErC4F0Q28PYCD4CFWDjDwnYYxwVAOYbMrMiEg50ZL7O9t4zsOz/ooQRI+DEDofwR/P//jyAIRGEg/t',
      'GwdrZSDU1qClk5RK+HwiPQfvWh7womrWHvD3niZyi2SERhfOQRcSIh3k6dJQLEcQ41+5B/R8BrRhCQjU1FLzzud04JnInJuAMXyTrGNQDDb9Ck',
      'uHkegaIgcFTVJkjdGBPVk75B77mIjVGO0ThNA6D7CMYH1Y2zGkOAu6pDQaOVSWnafMdIhvhYwXAINNJcvhhYTFUHIlJEzFi1zCx9URTrrUZHpy',
      '5UqAuGGrY32EUouV15cWIEhVmePa8MsOiIEI0F4yhI0vYl5iL2yhbeteaWgNNWmSBeaEwmLLCinTMYXdSHCqyWS8paDXSbYENvpZlMATIh1QAA',
      'QGNhYmFiYWJjBPyvoHZpVISPO6GJwqFIXBPOx/xU',
    ]),
  },
];

function fromLines(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join(''), 'base64');
}
